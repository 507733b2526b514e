package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.RewardFunction;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class MathGraderTest {
    private static final RewardFunction MATH = Rows.grader(new MathGrader.Factory(), Map.of());

    private static double reward(String completion, String answer) throws Exception {
        return MATH.score(Rows.rollout(completion, Map.of("answer", answer)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            // where the answer is
            "72 | 72", "So it is 72. | 72", "48 + 24 = 72 | 72", "1 then 2 then 72 | 72", "#### 72 | 72",
            "#### 72 clips\\nThat took 5 steps | 72", "first #### 5 then #### 72 | 72", "\\boxed{72} | 72",
            "\\boxed{5} no, \\boxed{72}, as 1 | 72", "\\boxed{72} and \\boxed{5 | 72", "\\boxed{x = 72} | 72",
            "\\boxed{\\frac{1}{2}} | 1/2", "\\boxed{3} #### 72 | 72", "#### 3 \\boxed{72} | 72",
            "The answer is **72**. | 72",
            // how it is written
            "-5 | -5", "it is -5 | -5", "10-5 | 5", "10 - 5 | 5", "= -5 | -5", "\u22125 | -5", "+5 | 5", "007 | 7",
            "3.50 | 7/2", ".5 | 0.5", "5. | 5", "0.1 | 1/10", "1,234 | 1234", "1,234,567.50 | 1234567.5",
            "1{,}234 | 1234",
            "1\\,234 | 1234", "$18 | 18", "\\$18.00 | 18", "\u20ac18 | 18", "-$18 | -18", "$-18 | -18",
            "\\boxed{\\$1,080} | 1080",
            "3/4 | 0.75", "-3/4 | -0.75", "6/8 | 3/4", "\\frac{3}{4} | 0.75", "\\dfrac{3}{4} | 0.75",
            "-\\frac{3}{4} | -0.75",
            "\\frac{-3}{4} | -0.75", "\\frac34 | 0.75", "3 1/2 | 3.5", "3\\frac{1}{2} | 3.5",
            "\\boxed{-2\\tfrac12} | -2.5",
            "50% | 50%", "50% | 50", "50% | 0.5", "50 | 50%", "0.5 | 50\\%", "\\boxed{12.5\\%} | 1/8",
            // units
            "#### 5 apples | 5", "\\boxed{5\\text{ cm}} | 5", "\\boxed{5 \\text{ cm}^2} | 5", "\\boxed{5 m^2} | 5",
            "5 m^2 | 5",
            "\\boxed{90^\\circ} | 90", "#### 25 km/h | 25", "\\boxed{\\left(5\\right)} | 5", "#### 3 dollars. | 3"})
    void shouldFindTheNumber(String completion, String answer) throws Exception {
        assertThat(reward(completion.replace("\\n", "\n"), answer)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"71 | 72", "'' | 72", "no number | 72", "72 and 1 | 72", "#### 71 72 | 72",
            "\\boxed{} 72 | 72", "\\boxed{2+3} | 3", "\\boxed{2+3} | 5", "\\boxed{(1, 2)} | 2",
            "\\boxed{\\sqrt{2}} | 2",
            "\\boxed{2^3} | 2", "\\boxed{2^{10}} | 2", "\\boxed{5!} | 5", "\\boxed{x} 72 | 72",
            "#### none, but 72\\n72 | 71",
            "0.3333 | 1/3", "0.33333333333333333333 | 1/3", "1/0 | 0", "-5 | 5", "5% | 0.5",
            "\\boxed{1\\times 10^5} | 1", "\\boxed{3:30} | 3", "1,23 | 123", "\\boxed{2 \\cdot 3} | 6"})
    void shouldNotFindTheNumber(String completion, String answer) throws Exception {
        assertThat(reward(completion.replace("\\n", "\n"), answer)).isEqualTo(0);
    }

    @Property(tries = 200)
    void shouldCompareExactly(@ForAll @IntRange(min = -9999, max = 9999) int above,
            @ForAll @IntRange(min = 1, max = 999) int below, @ForAll @IntRange(min = 1, max = 99) int factor)
            throws Exception {
        String fraction = above + "/" + below;
        String wider = "\\frac{" + above * factor + "}{" + below * factor + "}";
        assertThat(reward("so " + wider, fraction)).isEqualTo(1);
        assertThat(reward("so " + above * factor + "/" + (below * factor + 1), fraction)).isEqualTo(above == 0 ? 1 : 0);
    }

    @Test
    void shouldNotLoseDigitsBeyondDoublePrecision() throws Exception {
        BigInteger large = BigInteger.TWO.pow(200);
        assertThat(reward(large.toString(), large.toString())).isEqualTo(1);
        assertThat(reward(large.add(BigInteger.ONE).toString(), large.toString())).isEqualTo(0);
    }

    /** A model that babbles must not cost more than reading what it said. */
    @Test
    void shouldSurviveWhateverAModelSays() throws Exception {
        for (String part : List.of("9", "1,", "1,234", "\\boxed{", "{", "}", "####", "\\frac", "\\frac{1}", "1/", "- ",
                " ",
                "1 2/", "$", "^{2", "\\", "%", "\u22121", "\0", "\ud83d\ude00")) {
            String babble = part.repeat(20_000);
            assertThat(reward(babble, "123456789")).isEqualTo(0);
        }
    }

    /** Answers in the style of the MATH data set: the reference is an answer without its solution. */
    @ParameterizedTest
    @CsvSource(delimiterString = "||", quoteCharacter = '\u0001', textBlock = """
            \\boxed{2^{10}} || 1024
            \\boxed{\\sqrt{16}} || 4
            \\boxed{1.5\\times10^{3}} || 1500
            \\boxed{1e5} || 100000
            1e5 || 100000
            \\boxed{10^5} || 100000
            \\boxed{2\\sqrt{3}} || \\sqrt{12}
            \\boxed{\\frac{\\sqrt{2}}{2}} || \\frac{1}{\\sqrt{2}}
            \\boxed{\\frac{1}{2}+\\sqrt{2}} || \\sqrt{2}+\\frac12
            \\boxed{(x+1)^2} || x^2+2x+1
            \\boxed{(3, 4)} || (3,4)
            \\boxed{\\{1, 2, 3\\}} || \\{3,2,1\\}
            \\boxed{1,2,3} || 3, 2, 1
            \\boxed{x=1 \\text{ or } x=2} || 1,2
            \\boxed{1 \\pm \\sqrt{2}} || 1+\\sqrt2, 1-\\sqrt2
            \\boxed{(-\\infty, 2) \\cup (3, \\infty)} || (-\\infty,2)\\cup(3,\\infty)
            \\boxed{x>3} || (3,\\infty)
            \\boxed{1 \\le x < 3} || [1,3)
            \\boxed{y = 2x + 3} || 2x+3
            \\boxed{y=2x+3} || y=3+2x
            \\boxed{x^2+y^2=4} || 2x^2+2y^2=8
            \\boxed{\\text{Saturday}} || \\text{saturday}
            \\boxed{Saturday} || Saturday
            \\boxed{(B)} || B
            \\boxed{\\text{(B)}} || \\text{B}
            \\boxed{\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}} || \\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}
            \\boxed{\\frac{\\pi}{4}} || \\pi/4
            \\boxed{90^\\circ} || 90
            \\boxed{3+4i} || 4i+3
            \\boxed{i^2} || -1
            \\boxed{e^{2x}} || e^{2x}
            \\boxed{\\sin^2 x} || \\sin^2(x)
            \\boxed{\\frac{x^2-1}{x-1}} || x+1
            \\boxed{\\sqrt[3]{16}} || 2\\sqrt[3]{2}
            \\boxed{\\log_2 8} || \\log_2 8
            \\boxed{10\\%} || 0.1
            \\boxed{10\\text{ cm}^2} || 10
            \\boxed{12 \\text{ square units}} || 12
            \\boxed{\\$32,\\!500} || 32500
            \\boxed{11\\frac{1}{5}} || \\frac{56}{5}
            \\boxed{-2\\frac{1}{2}} || -\\frac52
            \\boxed{\\dfrac{9}{7}} || 9/7
            so the answer is $\\frac{\\sqrt{3}}{2}$. || \\frac{\\sqrt3}{2}
            \\frac{\\sqrt{3}}{2} || \\frac{\\sqrt3}{2}
            It is $(3,4)$ || (3, 4)
            \\boxed{3x^2y} || 3yx^2
            \\boxed{a_1 + a_2} || a_2+a_1
            \\boxed{\\frac{3}{4}, 0.5} || \\frac12, 0.75
            \\boxed{1,234} || 1234
            \\boxed{2,001,000} || 2001000
            \\boxed{f(x)=x+1} || x+1
            \\boxed{x \\in [-1,1]} || [-1,1]
            \\boxed{\\emptyset} || \\{\\}
            \\boxed{|x|} || \\lvert x\\rvert
            \\boxed{\\binom{5}{2}} || 10
            \\boxed{2/3 \\text{ hours}} || 2/3
            \\boxed{x^{1/2}} || \\sqrt{x}
            \\boxed{2^{n+1}} || 2^{n+1}
            \\boxed{\\frac{2}{3}\\pi} || \\frac{2\\pi}{3}
            \\boxed{\\sqrt{50}+\\sqrt{8}} || 7\\sqrt2
            \\boxed{\\frac{1+\\sqrt5}{2}} || \\frac{2}{\\sqrt5-1}
            \\boxed 5 || 5
            \\boxed{\\frac{5}{2}^{\\circ}} || 2.5
            \\boxed{\\angle ABC = 30^\\circ} || 30
            \\boxed{1.0} || 1
            \\boxed{\\{(1,2),(3,4)\\}} || (3,4), (1,2)
            \\boxed{-\\frac{b}{2a}} || \\frac{-b}{2a}
            \\boxed{\\sqrt{2+\\sqrt{3}}} || \\sqrt{\\sqrt3+2}
            \\boxed{\\frac{1}{x}+\\frac{1}{y}} || \\frac{x+y}{xy}
            \\boxed{x^2 - 5x + 6 = 0} || 2x^2-10x+12=0
            \\boxed{2^{\\frac{1}{3}}} || \\sqrt[3]{2}
            \\boxed{4^{3/2}} || 8
            \\boxed{e^{i\\pi}} || e^{\\pi i}
            \\boxed{\\tan^{-1} x} || \\tan^{-1}(x)
            \\boxed{3 \\text{ and } -3} || \\pm 3
            \\boxed{\\pm 3} || -3, 3
            \\boxed{(-1, \\tfrac{1}{2}]} || \\left(-1,0.5\\right]
            \\boxed{\\text{June 5}} || 5
            \\boxed{n(n+1)/2} || \\frac{n^2+n}{2}
            \\boxed{20\\text{ m/s}} || 20
            \\boxed{45^{\\circ}} || 45^\\circ
            \\boxed{\\$1.50} || 1.5
            \\boxed{\\text{\\$}5} || 5
            \\boxed{\\frac{1}{3}\\%} || \\frac13\\%
            \\boxed{2x \\ne 3} || 2x \\neq 3
            \\boxed{\\ln 2} || \\ln(2)
            \\boxed{\\theta = \\frac{\\pi}{6}} || \\pi/6
            \\boxed{\\dfrac{\\sqrt{6}+\\sqrt{2}}{4}} || \\frac{\\sqrt{2}(\\sqrt{3}+1)}{4}
            \\boxed{x^{-2}} || \\frac{1}{x^2}
            \\boxed{6.02 \\times 10^{23}} || 602000000000000000000000
            \\boxed{1.6e-3} || 0.0016
            \\fbox{12} || 12
            $x = -\\frac{7}{3}$ || -7/3
            The roots are $2+i$ and $2-i$, so $\\boxed{2 \\pm i}$. || 2-i, 2+i
            \\boxed{100,\\!000} || 100000
            \\boxed{\\left\\{ \\frac{1}{2}, 3 \\right\\}} || \\{3, 0.5\\}
            \\boxed{A} || \\text{(A)}
            \\boxed{\\text{odd}} || odd
            """)
    void shouldKnowEqualAnswers(String completion, String answer) throws Exception {
        assertThat(reward(completion, answer)).isEqualTo(1);
        assertThat(reward(completion, "So it is \\boxed{" + answer + "}")).isEqualTo(1);
        assertThat(reward("\\boxed{" + answer + "}", answer)).as("itself").isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(delimiterString = "||", quoteCharacter = '\u0001', textBlock = """
            \\boxed{2+3} || 5
            \\boxed{2 \\cdot 3} || 6
            \\boxed{x^2+2x+2} || x^2+2x+1
            \\boxed{(4, 3)} || (3,4)
            \\boxed{[3, 4]} || (3,4)
            \\boxed{x^2+y^2=4} || x^2+y^2=5
            \\boxed{B} || (C)
            \\boxed{\\begin{pmatrix} 1 & 2 \\\\ 3 & 5 \\end{pmatrix}} || \\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}
            \\boxed{0.785398} || \\pi/4
            \\boxed{5x} || 5
            \\boxed{5} || 5x
            \\boxed{9^{9^{9^9}}} || 1
            \\boxed{(x+1)^{100000}} || x^2
            \\boxed{x^2} || (x+1)^{100000}
            \\boxed{((((x+y+z+w+1)^{9})^{9})^{9})^9} || x+1
            \\boxed{\\sqrt{999999999999999999999999999999999999999999999989}} || \\sqrt{2}
            \\boxed{\\frac{1}{0}} || x
            \\boxed{0^0} || x
            no idea || (3,4)
            \\boxed{3:4} || 3/4
            \\boxed{\\sqrt{3}} || \\sqrt{2}
            \\boxed{x+1} || x-1
            \\boxed{2\\pi} || \\pi
            \\boxed{6.28} || 2\\pi
            \\boxed{(1,2,3)} || (1,2)
            \\boxed{\\{1,2\\}} || \\{1,2,3\\}
            \\boxed{1,2} || 1
            \\boxed{1} || 1,2
            \\boxed{x>3} || x \\ge 3
            \\boxed{(3,\\infty)} || (-\\infty,3)
            \\boxed{-x} || x
            \\boxed{\\sin x} || \\cos x
            \\boxed{\\sin x} || \\sin y
            \\boxed{f(x)} || x
            \\boxed{a_1} || a_2
            \\boxed{\\log_2 x} || \\log_3 x
            \\boxed{x^2+1=0} || x^2-1=0
            \\boxed{even} || odd
            \\boxed{\\frac{x}{0}} || x
            \\boxed{} || x
            \\boxed{x} || \\text{x marks}
            \\boxed{3x} || 3
            \\boxed{3} || 3i
            \\boxed{2 + 2i} || 2 - 2i
            \\boxed{48/2+24} || 48
            \\boxed{10\\%} || 1
            \\boxed{(x+1)(x+2)} || x^2+3x+3
            \\boxed{((((((((((x} || x
            \\boxed{1/3} || 0.333333
            I do not know. || \\sqrt{2}
            It is $\\sqrt{2}$ or so, $\\sqrt{3}$ || \\sqrt{2}
            """)
    void shouldKnowDifferentAnswers(String completion, String answer) throws Exception {
        assertThat(reward(completion, answer)).isEqualTo(0);
    }

    /** What takes rules for functions and nested roots, as competition answers do. */
    @ParameterizedTest
    @CsvSource(delimiterString = "||", quoteCharacter = '\u0001', textBlock = """
            \\sin^2 x + \\cos^2 x || 1
            \\sin 30^\\circ || \\frac{1}{2}
            \\sin(30^{\\circ}) || 0.5
            \\log_2 8 || 3
            \\ln e^2 || 2
            \\sqrt{3+2\\sqrt{2}} || 1+\\sqrt{2}
            \\sqrt{5+2\\sqrt{6}} || \\sqrt{2}+\\sqrt{3}
            \\sqrt{7-4\\sqrt{3}} || 2-\\sqrt{3}
            \\sqrt[3]{2+\\sqrt{5}} || \\frac{1+\\sqrt{5}}{2}
            \\sqrt[3]{2+\\sqrt{5}}+\\sqrt[3]{2-\\sqrt{5}} || 1
            \\sqrt[3]{\\sqrt[3]{2}-1} || \\sqrt[3]{\\frac{1}{9}}-\\sqrt[3]{\\frac{2}{9}}+\\sqrt[3]{\\frac{4}{9}}
            \\sqrt{\\sqrt[3]{28}-\\sqrt[3]{27}} || \\frac{1}{3}(\\sqrt[3]{98}-\\sqrt[3]{28}-1)
            \\sqrt{\\sqrt[3]{5}-\\sqrt[3]{4}} || \\frac{1}{3}(\\sqrt[3]{2}+\\sqrt[3]{20}-\\sqrt[3]{25})
            e^{i\\pi} || -1
            e^{i\\pi/3} || \\frac{1}{2}+\\frac{\\sqrt{3}}{2}i
            \\cos\\frac{\\pi}{3} || \\frac{1}{2}
            \\cos(\\pi/5) || \\frac{1+\\sqrt{5}}{4}
            \\tan 15^\\circ || 2-\\sqrt{3}
            \\tan\\frac{\\pi}{8} || \\sqrt{2}-1
            \\sin\\frac{\\pi}{12} || \\frac{\\sqrt{6}-\\sqrt{2}}{4}
            \\cos 36^\\circ - \\cos 72^\\circ || \\frac{1}{2}
            \\sin 10^\\circ \\sin 50^\\circ \\sin 70^\\circ || \\frac{1}{8}
            \\cos\\frac{2\\pi}{7}+\\cos\\frac{4\\pi}{7}+\\cos\\frac{6\\pi}{7} || -\\frac{1}{2}
            4\\arctan\\frac{1}{5}-\\arctan\\frac{1}{239} || \\frac{\\pi}{4}
            \\arctan 1+\\arctan 2+\\arctan 3 || \\pi
            \\arcsin\\frac{1}{2} || \\frac{\\pi}{6}
            \\arccos 0 || \\frac{\\pi}{2}
            \\tan^{-1} x || \\arctan x
            \\tan^{-1} 1 || \\frac{\\pi}{4}
            \\sin 2x || 2\\sin x\\cos x
            \\cos 2x || 1-2\\sin^2 x
            \\sin(x+y) || \\sin x\\cos y+\\cos x\\sin y
            \\sin 3\\theta || 3\\sin\\theta-4\\sin^3\\theta
            \\tan^2 x+1 || \\sec^2 x
            \\frac{1-\\cos x}{\\sin x} || \\tan\\frac{x}{2}
            \\cosh^2 x-\\sinh^2 x || 1
            \\frac{e^x-e^{-x}}{2} || \\sinh x
            \\ln(xy) || \\ln x+\\ln y
            \\ln x^2 || 2\\ln x
            \\log_2 x || \\frac{\\ln x}{\\ln 2}
            \\log_4 x || \\frac{1}{2}\\log_2 x
            \\log_a b || \\frac{1}{\\log_b a}
            \\log 8 || 3\\log 2
            \\frac{\\log 8}{\\log 2} || 3
            \\log_{10} 1000 || 3
            \\log_3 \\frac{1}{81} || -4
            \\ln\\frac{3}{2} || \\ln 3-\\ln 2
            \\frac{1}{2}\\ln 3 || \\ln\\sqrt{3}
            e^{\\ln 5} || 5
            e^{2\\ln x} || x^2
            2^{x+3} || 8\\cdot 2^x
            4^x || 2^{2x}
            9^{x/2} || 3^x
            \\frac{2^{n+1}}{2^n} || 2
            e^{x+y} || e^x e^y
            5! || 120
            \\frac{10!}{8!} || 90
            \\binom{n}{2} || \\frac{n(n-1)}{2}
            \\binom{10}{3} || 120
            \\sqrt[4]{2}\\cdot\\sqrt[4]{2} || \\sqrt{2}
            \\sqrt[3]{2}\\sqrt[3]{4}x || 2x
            \\sqrt[6]{x^3} || \\sqrt{x}
            \\sqrt{x^2+2x+1} || x+1
            |x-3| || |3-x|
            \\sqrt{(x-3)^2} || |x-3|
            |x|^2 || x^2
            \\sqrt{2+\\sqrt{2+\\sqrt{2}}} || 2\\cos\\frac{\\pi}{16}
            \\sqrt{x+1}\\sqrt{x-1} || \\sqrt{x^2-1}
            \\ln(x-1)-\\ln(x-2) || \\ln\\frac{x-1}{x-2}
            i^i || e^{-\\pi/2}
            \\sin^4 x-\\cos^4 x || 2\\sin^2 x-1
            y\\sin^2 x + y\\cos^2 x = 3-x || x + y = 3
            \\sin x = y || 2y = 2\\sin x
            """)
    void shouldKnowEqualFunctionsAndNestedRoots(String one, String other) throws Exception {
        assertThat(reward("\\boxed{" + one + "}", "\\boxed{" + other + "}")).isEqualTo(1);
        assertThat(reward("\\boxed{" + other + "}", "\\boxed{" + one + "}")).as("the other way round").isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(delimiterString = "||", quoteCharacter = '\u0001', textBlock = """
            \\frac{355}{113} || \\pi
            3.141592653589793238462643383279 || \\pi
            \\sqrt{2}+\\sqrt{3} || \\pi
            e^{\\pi\\sqrt{163}} || 262537412640768744
            \\sin 30 || \\frac{1}{2}
            \\sqrt{3+2\\sqrt{2}} || 1+\\sqrt{2}+10^{-12}
            \\cos\\frac{\\pi}{3} || \\frac{1}{2}+10^{-12}
            \\sin^2 x + \\cos^2 x || 1+10^{-12}
            \\log_2 8 || 3.000000000001
            \\ln 2 || 0.693147180559945309417232121458
            \\sqrt{\\sqrt{2}+10^{-300}} || \\sqrt{\\sqrt{2}}
            \\sin x + 10^{-390} || \\sin x
            \\sin(10^{-200}) || 10^{-200}
            \\sqrt[3]{2+\\sqrt{5}} || 1.618033988749894848204586834365638
            \\sin x || \\cos x
            \\sin^2 x || \\sin x^2
            \\sin 2x || 2\\sin x
            \\sin x^2 || \\sin(x^2)+10^{-30}
            \\ln(x+y) || \\ln x+\\ln y
            \\log_2 x || \\log_3 x
            \\log 100 || \\log 1000
            \\sqrt{x^2+y^2} || x+y
            \\sqrt{(x-3)^2} || x-3
            |x| || x
            |x| || -x
            \\ln|x| || \\ln x
            \\frac{|x|}{x} || 1
            2^x || x^2
            e^{x} || 2.718281828459045^x
            \\arctan\\frac{1}{x} || \\frac{\\pi}{2}-\\arctan x
            \\arcsin(\\sin x) || x
            e^{i\\pi} || 1
            e^{i\\pi/3} || e^{-i\\pi/3}
            \\sqrt{7-4\\sqrt{3}} || \\sqrt{3}-2
            5! || 5
            \\binom{n}{2} || \\frac{n(n+1)}{2}
            \\sin x = y || \\cos x = y
            \\tan^{-1} x || \\frac{1}{\\tan x}
            \\frac{1}{\\sin^2 x+\\cos^2 x-1} || 1
            \\sin^2 x+\\cos^2 x+e^{-1000} || 1
            \\cos(10^{-60}) || 1
            x^{1000} || x^{1001}
            """)
    void shouldKnowDifferentFunctionsAndNestedRoots(String one, String other) throws Exception {
        assertThat(reward("\\boxed{" + one + "}", "\\boxed{" + other + "}")).isEqualTo(0);
        assertThat(reward("\\boxed{" + other + "}", "\\boxed{" + one + "}")).as("the other way round").isEqualTo(0);
    }

    /** The table was made by src/interop/algebra.py: sympy says what is equal. */
    @Test
    void shouldDecideEqualityAsAComputerAlgebraSystemDoes() throws Exception {
        List<String[]> rows = Tables.rows("algebra.tsv");
        assertThat(rows).hasSize(400);
        for (String[] row : rows) {
            assertThat(reward("\\boxed{" + row[0] + "}", "\\boxed{" + row[1] + "}"))
                .as("%s and %s", row[0], row[1])
                .isEqualTo(row[2].equals("True") ? 1 : 0);
        }
    }

    /** What costs more than an answer is worth is not equal to anything, and soon so. */
    @ParameterizedTest
    @ValueSource(strings = {"9^{9^{9^9}}", "9^9^9^9", "(x+1)^{100000}", "((((x+y+z+w+1)^9)^9)^9)^9", "10^{10000}",
            "\\sqrt[12]{9999999999999999999999999999999999999999999999999999999999999999999999999999999999}",
            "(a+b+c+d+f+g+h+j+k)^{20}", "x^{9999999999}", "2^{-99999}", "\\binom{200}{100}^{99}", "1e999", "1e-999",
            "(\\sqrt{2}+\\sqrt{3}+\\sqrt{5}+\\sqrt{7}+\\sqrt{11}+\\sqrt{13}+\\sqrt{17}+\\sqrt{19})^{30}",
            "\\frac{1}{\\frac{1}{\\frac{1}{x+1}+y}+z}^{50}", "\\sqrt{\\sqrt{\\sqrt{\\sqrt{x+1}+1}+1}+1}^{40}"})
    @Timeout(10)
    void shouldGiveUpOnWhatCostsTooMuch(String hostile) throws Exception {
        for (String answer : List.of("1", "x", "x+\\sqrt{2}", hostile + "+1")) {
            try {
                assertThat(reward("\\boxed{" + hostile + "}", "\\boxed{" + answer + "}")).isEqualTo(0);
            } catch (D3sException e) {
                assertThat(e.code()).as("the reference is hostile too").isEqualTo("reference_not_readable");
            }
        }
    }

    /** Whatever a model says, it gets a reward. */
    @Property(tries = 500)
    void shouldGradeAnyText(@ForAll("babble") String text) throws Exception {
        for (String answer : List.of("7", "\\frac{x}{2}", "(1,2]", "\\{1,2\\}", "x^2=1", "\\text{yes}")) {
            assertThat(reward(text, answer)).isBetween(0.0, 1.0);
            assertThat(reward("\\boxed{" + text + "}", answer)).isBetween(0.0, 1.0);
        }
    }

    @Provide
    Arbitrary<String> babble() {
        Arbitrary<String> part = Arbitraries.of("\\frac", "\\sqrt", "{", "}", "(", ")", "[", "]", "\\{", "\\}", "^",
                "_", "+",
                "-", "*", "/", "=", "<", "\\le", ",", "|", "x", "y", "i", "pi", "\\pi", "\\infty", "1", "2", "17", "0",
                ".",
                "%", "$", "\\text", "\\text{ cm}", " ", "\\left", "\\right", "\\cdot", "\\times", "\\pm", "\\cup",
                "\\in ",
                "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "sin", "\\log", "\\boxed{", "####", "e", "^2", "or",
                "\u221a",
                "\n");
        return Arbitraries.oneOf(part.list().ofMaxSize(25).map(parts -> String.join("", parts)),
                Arbitraries.strings().ofMaxLength(40));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "no number here", "#### ", "#### see above: it is, as said, clear",
            "\\boxed{\\frac{1}{}}"})
    void shouldSayThatAReferenceHasNoAnswer(String answer) {
        assertThatThrownBy(() -> reward("5", answer)).isInstanceOf(D3sException.class)
            .hasMessageContaining("The reference has no final answer that can be compared: '" + answer + "'");
    }

    @Test
    void shouldReadOtherMembersThroughTemplates() throws Exception {
        try (RewardFunction grader = Rows.grader(new MathGrader.Factory(),
                Map.of("input", "{{sample.output_text}}", "reference", "{{item.solution.value}}"))) {
            assertThat(grader.score(Rows.rollout("= 12", Map.of("solution", Map.of("value", 12))))).isEqualTo(1);
            assertThatThrownBy(() -> grader.score(Rows.rollout("= 12", Map.of("answer", 12))))
                .hasMessageContaining("{{item.solution.value}}");
        }
        assertThatThrownBy(() -> Rows.grader(new MathGrader.Factory(), Map.of("reference", "{{answer}}")))
            .isInstanceOf(InvalidConfigException.class);
    }

    /** Every solution of GSM8K's training set is right about itself and wrong as soon as its final number is another. */
    @Test
    void shouldGradeEverySolutionOfGsm8k() throws Exception {
        String data = System.getenv("D3S_TEST_DATA");
        assumeTrue(data != null, "set D3S_TEST_DATA to a directory with gsm8k/train.jsonl to run this");
        List<JsonNode> rows = rows(Path.of(data, "gsm8k", "train.jsonl"));
        assertThat(rows).hasSizeGreaterThan(7000);
        IntStream.range(0, rows.size())
            .parallel()
            .forEach(i -> isRightOnlyWithItsNumber(rows.get(i).path("answer").asText(), i));
    }

    /** Behind the mark of a whole solution a row gets one of the wrong numbers, another one than its neighbours. */
    private static void isRightOnlyWithItsNumber(String solution, int row) {
        int mark = solution.lastIndexOf("#### ") + 5;
        String number = solution.substring(mark);
        String body = solution.substring(0, mark);
        List<String> right = List.of(solution, "The answer is \\boxed{" + number + "}.",
                "Therefore the answer is $" + number + ".");
        assertThat(right).allSatisfy(text -> assertThat(reward(text, solution)).isEqualTo(1));
        List<String> numbers = List.copyOf(perturbed(new BigInteger(number.replace(",", "").strip())));
        List<String> wrong = new ArrayList<>(List.of(body + numbers.get(row % numbers.size())));
        for (String other : numbers) {
            wrong.add("\\boxed{" + other + "}");
            wrong.add("The answer is " + other + ".");
        }
        assertThat(wrong).allSatisfy(text -> assertThat(reward(text, solution)).isEqualTo(0));
    }

    /** Near misses: neighbours, the other sign, ten times, a tenth, two digits exchanged, one changed, one more, decimals. */
    private static Set<String> perturbed(BigInteger value) {
        Set<String> wrong = new LinkedHashSet<>(List.of(value.add(BigInteger.ONE).toString(),
                value.subtract(BigInteger.ONE).toString(), value.negate().toString(),
                value.multiply(BigInteger.TEN).toString(), value + ".5", value + ".01", value + "7", value + "/7",
                new BigDecimal(value).movePointLeft(1).toPlainString()));
        StringBuilder digits = new StringBuilder(value.toString());
        int last = digits.length() - 1;
        if (last > 0) {
            char first = digits.charAt(last);
            digits.setCharAt(last, digits.charAt(last - 1));
            digits.setCharAt(last - 1, first);
            wrong.add(digits.toString());
        }
        wrong.add(value.toString().substring(0, last) + (char) ('0' + (value.toString().charAt(last) - '0' + 5) % 10));
        wrong.removeIf(text -> {
            try {
                return new BigDecimal(text).compareTo(new BigDecimal(value)) == 0;
            } catch (NumberFormatException e) {
                return text.equals("0/7"); // a fraction, and of 0 no other number
            }
        });
        return wrong;
    }

    private static List<JsonNode> rows(Path file) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        try (var values = mapper.readerFor(JsonNode.class).<JsonNode>readValues(Files.newInputStream(file))) {
            return values.readAll();
        }
    }
}

package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.RewardFunction;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
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
            "0.3333 | 1/3", "0.33333333333333333333 | 1/3", "1e5 | 100000", "1/0 | 0", "-5 | 5", "5% | 0.5",
            "\\boxed{1\\times 10^5} | 1", "\\boxed{3:30} | 3", "1,23 | 123", "\\boxed{2 \\cdot 3} | 6"})
    void shouldNotFindTheNumber(String completion, String answer) throws Exception {
        assertThat(reward(completion.replace("\\n", "\n"), answer)).isEqualTo(0);
    }

    @Property(tries = 500)
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

    @ParameterizedTest
    @ValueSource(strings = {"", "Paris", "\\boxed{x+1}", "#### see above 1 2"})
    void shouldSayThatAReferenceHasNoNumber(String answer) {
        assertThatThrownBy(() -> reward("5", answer)).isInstanceOf(D3sException.class)
            .hasMessageContaining("The reference has no final number: '" + answer + "'");
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
        for (JsonNode row : rows) {
            String solution = row.path("answer").asText();
            int mark = solution.lastIndexOf("#### ") + 5;
            String number = solution.substring(mark);
            String body = solution.substring(0, mark);
            assertThat(reward(solution, solution)).as(solution).isEqualTo(1);
            assertThat(reward("The answer is \\boxed{" + number + "}.", solution)).as(solution).isEqualTo(1);
            assertThat(reward("Therefore the answer is $" + number + ".", solution)).as(solution).isEqualTo(1);
            BigInteger value = new BigInteger(number.replace(",", "").strip());
            for (String wrong : List.of(value.add(BigInteger.ONE).toString(), value.subtract(BigInteger.ONE).toString(),
                    value + ".5", value + "0".repeat(value.signum() == 0 ? 0 : 1) + (value.signum() == 0 ? "7" : ""))) {
                assertThat(reward(body + wrong, solution)).as(body + wrong).isEqualTo(0);
            }
        }
    }

    private static List<JsonNode> rows(Path file) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        try (var values = mapper.readerFor(JsonNode.class).<JsonNode>readValues(Files.newInputStream(file))) {
            return values.readAll();
        }
    }
}

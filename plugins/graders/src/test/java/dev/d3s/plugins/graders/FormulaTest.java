package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;

class FormulaTest {
    private static final Map<String, Double> VALUES = Map.of("a", 0.5, "b_2", 4.0, "Zero", 0.0);

    private static double of(String formula) throws Formula.SyntaxException {
        return Formula.parse(formula).of(VALUES);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"1 | 1", "1 + 2 * 3 | 7", "(1 + 2) * 3 | 9", "8 / 4 / 2 | 1", "8 - 4 - 2 | 2",
            "2 ^ 3 ^ 2 | 512", "-2 ^ 2 | -4", "2 ^ -1 | 0.5", "(-2) ^ 2 | 4", "--1 | 1", "+1 | 1", "2 * -3 | -6",
            "0.7 * a + 0.3 * b_2 | 1.55", ".5 | 0.5", "5. | 5", "1e3 | 1000", "1.5E-2 | 0.015", "2e | nothing",
            "min(a, b_2) | 0.5", "max(a, b_2, 7) | 7", "max(3) | 3", "abs(-a) | 0.5", "floor(1.7) | 1",
            "ceil(1.2) | 2", "exp(0) | 1", "sqrt(b_2) | 2", "log(exp(2)) | 2", "a * (b_2 - 1)^2 | 4.5",
            "Zero * 5 | 0"})
    void shouldCompute(String formula, String value) throws Exception {
        if (value.equals("nothing")) {
            assertThatThrownBy(() -> of(formula)).isInstanceOf(Formula.SyntaxException.class);
        } else {
            assertThat(of(formula)).isCloseTo(Double.parseDouble(value), within(1e-12));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\u0001', value = {"a + | Something is missing at character 4",
            "a b_2 | 'b' is not expected at character 3", "(a | ')' is missing at character 3",
            "a) | ')' is not expected at character 2", "a + $ | '$' is not expected at character 5",
            "2 * sin(a) | There is no function 'sin', known are abs, ceil, exp, floor, log, max, min, sqrt, at character 5",
            "abs(a, 1) | 'abs' takes one value, not 2, at character 1",
            "1 + min() | 'min' takes one or more values, not 0, at character 5",
            ". | '.' is not expected at character 1",
            "1e999 | The number is too large at character 1", "a ** 2 | '*' is not expected at character 4",
            "\ud83d\ude00 | '\ud83d\ude00' is not expected at character 1"})
    void shouldSayWhereItGoesWrong(String formula, String message) {
        assertThatThrownBy(() -> of(formula)).isInstanceOf(Formula.SyntaxException.class).hasMessage(message);
    }

    @Test
    void shouldNameWhatItUses() throws Exception {
        assertThat(Formula.parse("max(x, y) + x * 2").names()).containsExactlyInAnyOrder("x", "y");
        assertThat(of("\t1\n+ 1")).isEqualTo(2);
        assertThatThrownBy(() -> of("")).hasMessage("Something is missing at character 1");
        assertThat(of("1 / Zero")).isInfinite();
        assertThat(of("Zero / Zero")).isNaN();
    }

    @Test
    void shouldBoundWhatItReads() {
        assertThatThrownBy(() -> of("(".repeat(1500) + "1" + ")".repeat(400))).hasMessageContaining("nested more than");
        assertThatThrownBy(() -> of("-".repeat(1000) + "1")).hasMessageContaining("nested more than");
        assertThatThrownBy(() -> of("1^".repeat(900) + "1")).hasMessageContaining("nested more than");
        assertThatThrownBy(() -> of("1+".repeat(2000) + "1")).hasMessageContaining("longer than");
    }

    @Property(tries = 500)
    void shouldComputeOrRefuse(@ForAll @StringLength(max = 30) String text) {
        try {
            assertThat(Formula.parse(text).names()).isNotNull();
        } catch (Formula.SyntaxException e) {
            assertThat(e.text()).contains(" at character ");
        }
    }
}

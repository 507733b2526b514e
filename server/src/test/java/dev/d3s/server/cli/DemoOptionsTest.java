package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DemoOptionsTest {
    @Test
    void shouldHaveDefaults() {
        assertThat(DemoOptions.parse()).isEqualTo(new DemoOptions("d3s", null, 7, 40, false));
    }

    @Test
    void shouldReadEveryOption() {
        assertThat(DemoOptions.parse("--preset", "grpo", "--serve", "--report=out.json", "--seed", "3", "--steps=12"))
            .isEqualTo(new DemoOptions("grpo", Path.of("out.json"), 3, 12, true));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --presets=grpo | There is no option --presets.
            demo           | There is no option demo.
            --seed         | --seed needs a value.
            --preset=      | --preset needs a value.
            --steps=0      | --steps must be a whole number from 1 to 1000000, not "0".
            --seed=x       | --seed must be a whole number from 0 to 9007199254740991, not "x".
            """)
    void shouldSayWhatMakesNoSense(String argument, String message) {
        assertThatThrownBy(() -> DemoOptions.parse(argument)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage(message);
    }
}

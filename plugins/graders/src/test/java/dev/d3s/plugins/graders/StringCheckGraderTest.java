package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;

class StringCheckGraderTest {
    @ParameterizedTest
    @CsvSource({"eq, Paris, Paris, 1", "eq, Paris, paris, 0", "eq, in Paris, Paris, 0", "eq, ' Paris', Paris, 0",
            "ne, Paris, Paris, 0", "ne, Paris, paris, 1", "like, in Paris now, Paris, 1",
            "like, in paris now, Paris, 0",
            "like, Par, Paris, 0", "ilike, in pARIS now, Paris, 1", "ilike, Par, paris, 0",
            "ilike, STRASSE, straße, 1"})
    void shouldCompareAsTheOperationSays(String operation, String completion, String answer, double reward)
            throws Exception {
        try (var grader = Rows.grader(new StringCheckGrader.Factory(), Map.of("name", "exact", "input",
                "{{sample.output_text}}", "reference", "{{item.answer}}", "operation", operation))) {
            assertThat(grader.score(Rows.rollout(completion, Map.of("answer", answer)))).isEqualTo(reward);
        }
    }

    @Test
    void shouldNameEveryMissingKey() {
        assertThatThrownBy(
                () -> PluginConfig.of(new StringCheckGrader.Factory().configKeys(), Map.of("operation", "is")))
            .isInstanceOf(InvalidConfigException.class)
            .hasMessageContaining("'input' is required")
            .hasMessageContaining("'reference' is required")
            .hasMessageContaining("one of eq, ne, like, ilike");
    }
}

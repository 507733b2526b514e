package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

class LengthGraderTest {
    private static double reward(Map<String, Object> config, int tokens) throws Exception {
        try (RewardFunction grader = Rows.grader(new LengthGrader.Factory(), config)) {
            return grader.score(new RewardInput("", "text", false, Map.of(), tokens));
        }
    }

    @ParameterizedTest
    @CsvSource({"linear, 0, 1", "linear, 100, 1", "linear, 150, 0.75", "linear, 300, 0", "linear, 999, 0",
            "cosine, 100, 1", "cosine, 200, 0.5", "cosine, 150, 0.8535533905932737", "cosine, 300, 0", "cosine, 301, 0",
            "soft_overlong, 0, 0", "soft_overlong, 100, 0", "soft_overlong, 150, -0.25", "soft_overlong, 300, -1",
            "soft_overlong, 301, -1"})
    void shouldFallFromTargetToMaximum(String shape, int tokens, double reward) throws Exception {
        assertThat(reward(Map.of("shape", shape, "target", 100, "maximum", 300), tokens)).isCloseTo(reward,
                within(1e-12));
    }

    /** The figures of DAPO: L_max 20,480 and L_cache 4,096. */
    @Test
    void shouldBeTheSoftOverlongPunishmentOfDapo() throws Exception {
        Map<String, Object> config = Map.of("shape", "soft_overlong", "target", 16_384, "maximum", 20_480);
        for (int length = 0; length < 25_000; length += 97) {
            double expected = length <= 20_480 - 4096 ? 0 : length <= 20_480 ? (20_480 - 4096 - length) / 4096.0 : -1;
            assertThat(reward(config, length)).isEqualTo(expected);
        }
    }

    @Test
    void shouldCountCharactersWhenAsked() throws Exception {
        try (RewardFunction grader = Rows.grader(new LengthGrader.Factory(),
                Map.of("maximum", 10, "unit", "characters"))) {
            assertThat(grader.score(Rows.rollout("\ud83d\ude00\ud83d\ude00\ud83d\ude00", Map.of()))).isCloseTo(0.7,
                    within(1e-12));
        }
    }

    @Test
    void shouldSayThatATextHasNoTokens() {
        assertThatThrownBy(() -> reward(Map.of("maximum", 10), RewardInput.UNKNOWN))
            .hasMessageContaining("set 'unit' to characters");
        assertThatThrownBy(() -> reward(Map.of("maximum", 10, "target", 10), 1))
            .hasMessageContaining("'maximum' is 10 but must be above 'target', which is 10");
    }
}

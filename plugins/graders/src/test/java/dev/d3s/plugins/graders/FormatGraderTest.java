package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.spi.RewardFunction;

class FormatGraderTest {
    private static double reward(Map<String, Object> config, String completion) throws Exception {
        try (RewardFunction grader = Rows.grader(new FormatGrader.Factory(), config)) {
            return grader.score(Rows.rollout(completion.replace("\\n", "\n"), Map.of()));
        }
    }

    /** Six rules: two for each tag, the order, and nothing outside. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"<think>a</think><answer>b</answer> | 6",
            "<think>a</think>\\n <answer>b</answer>\\n | 6", "<think></think><answer></answer> | 6", "nothing | 0",
            "'' | 0", "<think>a</think> b | 2", "<think>a</think> x <answer>b</answer> | 5",
            "<answer>b</answer><think>a</think> | 4", "<think>a<answer>b</answer></think> | 4",
            "<think>a</think><answer>b | 3", "<think>a</think><think>c</think><answer>b</answer> | 3",
            "<think><answer></think></answer> | 4", "x<think>a</think><answer>b</answer> | 5"})
    void shouldCreditEachRuleOfTheTags(String completion, int rules) throws Exception {
        Map<String, Object> config = new HashMap<>(Map.of("tags", List.of("think", "answer")));
        assertThat(reward(config, completion)).isCloseTo(rules / 6.0, within(1e-12));
        config.put("partial", false);
        assertThat(reward(config, completion)).isEqualTo(rules == 6 ? 1 : 0);
    }

    @Test
    void shouldAllowTextOutsideAndATagInThePrompt() throws Exception {
        assertThat(reward(Map.of("tags", List.of("a"), "tags_alone", false), "x <a>y</a> z")).isEqualTo(1);
        Map<String, Object> opened = Map.of("tags", List.of("think", "answer"), "first_tag_in_prompt", true);
        assertThat(reward(opened, "hm</think><answer>b</answer>")).isEqualTo(1);
        assertThat(reward(opened, "<think>hm</think><answer>b</answer>")).isCloseTo(5 / 6.0, within(1e-12));
    }

    @Test
    void shouldMatchPatterns() throws Exception {
        assertThat(reward(Map.of("pattern", "<a>.*</a>"), "<a>1\\n2</a>")).isEqualTo(1);
        assertThat(reward(Map.of("pattern", "<a>.*</a>"), "x<a>1</a>")).isZero();
        assertThat(reward(Map.of("pattern", "[0-9]+", "match", "part"), "it is 42.")).isEqualTo(1);
    }

    @Test
    void shouldTakeTimeLinearInTheTextWhateverThePattern() {
        String text = "a".repeat(20_000) + "!";
        for (String pattern : List.of("(a+)+b", "(a|aa)+$b", "(a*)*b", "(.*)*x{900}")) {
            Assertions.assertTimeoutPreemptively(Duration.ofSeconds(20),
                    () -> assertThat(reward(Map.of("pattern", pattern), text)).isZero());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"(a | missing closing )", "a{2,1} | invalid repeat", "(?=a) | invalid",
            "(a{100}){100} | multiply to more than", "((a{20}){20}){20} | multiply to more than",
            "a{9999999999} | multiply to more than"})
    void shouldRefuseAPattern(String pattern, String message) {
        assertThatThrownBy(() -> reward(Map.of("pattern", pattern), "")).hasMessageContaining(message);
    }

    @Test
    void shouldRefuseWhatDoesNotSayTheForm() {
        assertThatThrownBy(() -> reward(Map.of(), "")).hasMessageContaining("Either 'pattern' or 'tags'");
        assertThatThrownBy(() -> reward(Map.of("pattern", "a", "tags", List.of("b")), ""))
            .hasMessageContaining("Only one of");
        assertThatThrownBy(() -> reward(Map.of("tags", List.of("a", "a")), "")).hasMessageContaining("'a' twice");
        assertThatThrownBy(() -> reward(Map.of("tags", List.of("<a>")), "")).hasMessageContaining("without < and >");
        assertThatThrownBy(() -> reward(Map.of("tags", List.of(1)), "")).hasMessageContaining("names such as");
        assertThatThrownBy(() -> reward(Map.of("pattern", "a".repeat(1001)), "")).hasMessageContaining("longer than");
    }
}

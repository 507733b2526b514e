package dev.d3s.server.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class SampledScoresTest {
    private static Map<String, Double> scores(SampledSettings settings, double[]... rows) {
        SampledScores scores = new SampledScores(settings);
        Arrays.stream(rows).forEach(scores::add);
        return scores.metrics();
    }

    @Test
    void shouldScoreByHand() {
        Map<String, Double> scores = scores(new SampledSettings(4, List.of(4, 2, 1, 2), 0.5),
                new double[]{1, 0, 0.5, 0},
                new double[]{0, 0, 0, 0.25});
        assertThat(scores).containsOnlyKeys("avg_at_4", "avg_at_4_standard_error", "pass_at_1",
                "pass_at_1_standard_error", "pass_at_2", "pass_at_2_standard_error", "pass_at_4",
                "pass_at_4_standard_error");
        assertThat(scores.get("avg_at_4")).isEqualTo((1.5 + 0.25) / 8);
        // means of the two prompts: 0.375 and 0.0625
        assertThat(scores.get("avg_at_4_standard_error")).isCloseTo((0.375 - 0.0625) / 2, within(1e-15));
        assertThat(scores.get("pass_at_1")).isEqualTo(0.25);
        assertThat(scores.get("pass_at_2")).isCloseTo((1 - 1 / 6.0) / 2, within(1e-15));
        assertThat(scores.get("pass_at_4")).isEqualTo(0.5);
    }

    @Test
    void shouldLeaveUngradedCompletionsOut() {
        double no = Double.NaN;
        Map<String, Double> scores = scores(new SampledSettings(3, List.of(1, 3), 1), new double[]{1, no, 0},
                new double[]{no, no, no}, new double[]{1, 1, 0});
        assertThat(scores.get("avg_at_3")).as("of the prompts that have a graded completion")
            .isCloseTo((0.5 + 2 / 3.0) / 2, within(1e-15));
        assertThat(scores.get("pass_at_1")).isCloseTo((0.5 + 2 / 3.0) / 2, within(1e-15));
        assertThat(scores.get("pass_at_3")).as("of the prompt that has three").isEqualTo(1);
        assertThat(scores).doesNotContainKey("pass_at_3_standard_error");
    }

    @Test
    void shouldSayNothingAboutNothing() {
        assertThat(scores(new SampledSettings(2, List.of(1), 1))).isEmpty();
        assertThat(scores(new SampledSettings(2, List.of(1), 1), new double[]{Double.NaN, Double.NaN})).isEmpty();
    }

    @Test
    void shouldTakeOneAndAllWhenNobodySaysK() {
        assertThat(SampledSettings.defaultK(0)).isEmpty();
        assertThat(SampledSettings.defaultK(1)).containsExactly(1);
        assertThat(SampledSettings.defaultK(8)).containsExactly(1, 8);
        assertThatThrownBy(() -> new SampledSettings(2, List.of(3), 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SampledSettings(2, List.of(0), 1)).isInstanceOf(IllegalArgumentException.class);
    }

    /** The one-pass error against two passes and against the textbook's formula for equal clusters. */
    @Property(tries = 200)
    void shouldClusterTheErrorByPrompt(@ForAll @IntRange(min = 2, max = 60) int prompts,
            @ForAll @IntRange(min = 1, max = 8) int n, @ForAll long seed) {
        Random random = new Random(seed);
        double[][] rewards = new double[prompts][n];
        for (double[] row : rewards) {
            double base = 1e3 * random.nextDouble();
            for (int index = 0; index < n; index++) {
                row[index] = base + random.nextGaussian();
            }
        }
        double mean = Arrays.stream(rewards).flatMapToDouble(Arrays::stream).average().orElseThrow();
        // sum over clusters of the squared sum of residuals, over N squared, times G / (G - 1)
        double squares = 0;
        for (double[] row : rewards) {
            double residual = Arrays.stream(row).map(reward -> reward - mean).sum();
            squares += residual * residual;
        }
        double total = (double) prompts * n;
        double clustered = Math.sqrt(squares * prompts / (prompts - 1)) / total;
        Map<String, Double> scores = scores(new SampledSettings(n, List.of(), 1), rewards);
        assertThat(scores.get("avg_at_" + n)).isCloseTo(mean, within(1e-9));
        assertThat(scores.get("avg_at_" + n + "_standard_error")).isCloseTo(clustered,
                within(1e-9 * clustered + 1e-12));
    }
}

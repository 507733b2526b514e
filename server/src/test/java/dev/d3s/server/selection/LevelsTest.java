package dev.d3s.server.selection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;

class LevelsTest {
    private static final Schedule HALFWAY = (step, totalSteps, from, to) -> (from + to) / 2;
    private static final RolloutBatch BATCH = new RolloutBatch(new int[]{0, 0, 1, 1}, 2, new double[]{1, 0, 0, 2},
            new double[]{1, -1, 0, 2}, new int[]{3, 3, 3, 3});

    private static KeepRatio keepRatio(double from, double to) {
        return new KeepRatio(HALFWAY, from, to, 10);
    }

    @Test
    void shouldPassTheScheduledRatioAndReportWhatWasKept() {
        List<Double> asked = new ArrayList<>();
        RolloutSelector selector = (batch, ratio, seed) -> {
            asked.add(ratio);
            return RolloutSelection.of(3, 0, 2);
        };
        KeptRollouts kept = new RolloutLevel(selector, keepRatio(0.2, 0.6), 1).select(0, BATCH);
        assertThat(asked).containsExactly(0.4);
        assertThat(kept.keepRatio()).isEqualTo(0.4);
        assertThat(kept.kept()).containsExactly(0, 2, 3);
        assertThat(kept.advantage()).containsExactly(1, 0, 2);
        assertThat(kept.size()).isEqualTo(3);
        assertThat(kept.keptRatio()).isEqualTo(0.75);
        assertThat(kept.usefulRatio()).isEqualTo(0.75);
        assertThat(kept.usefulRatioKept()).isCloseTo(2.0 / 3, within(1e-12));
        // {1, -1, 0, 2}: mean 1/2, mean square 6/4; {1, 0, 2}: mean 1, mean square 5/3
        assertThat(kept.advantageVariance()).isCloseTo(1.25, within(1e-12));
        assertThat(kept.advantageVarianceKept()).isCloseTo(2.0 / 3, within(1e-12));
    }

    @Test
    void shouldTakeAdvantagesThatASelectorReturnsInItsOrder() {
        RolloutSelector selector = (batch, ratio, seed) -> RolloutSelection.of(3, 0).withAdvantage(0.5, -0.5);
        KeptRollouts kept = new RolloutLevel(selector, keepRatio(1, 1), 1).select(0, BATCH);
        assertThat(kept.kept()).containsExactly(0, 3);
        assertThat(kept.advantage()).containsExactly(-0.5, 0.5);
    }

    @Test
    void shouldReportFiniteFiguresWhenNothingIsKept() {
        KeptRollouts kept = new RolloutLevel((batch, ratio, seed) -> RolloutSelection.of(), keepRatio(1, 1), 1).select(
                0,
                BATCH);
        assertThat(kept.size()).isZero();
        assertThat(kept.keptRatio()).isZero();
        assertThat(kept.usefulRatioKept()).isZero();
        assertThat(kept.advantageVarianceKept()).isZero();
    }

    @Test
    void shouldSeedEachStepLevelAndJobDifferentlyAndAlwaysAlike() {
        Set<Long> seeds = new HashSet<>();
        for (long job = 0; job < 3; job++) {
            RolloutLevel rollouts = new RolloutLevel((batch, ratio, seed) -> {
                seeds.add(seed);
                return RolloutSelection.of();
            }, keepRatio(1, 1), job);
            TokenLevel tokens = new TokenLevel((batch, ratio, seed) -> {
                seeds.add(seed);
                return TokenSelection.of(new boolean[][]{{true}});
            }, keepRatio(1, 1), job);
            float[][] entropy = {{1}};
            for (int again = 0; again < 2; again++) {
                for (int step = 0; step < 50; step++) {
                    rollouts.select(step, BATCH);
                    tokens.select(step, new TokenBatch(new int[1], new double[1], entropy, entropy));
                }
            }
        }
        assertThat(seeds).hasSize(3 * 2 * 50);
    }

    @Test
    void shouldReportEntropyOfAllAndOfKeptTokens() {
        float[][] entropy = {{1, 2, 3}, {}, {6}};
        TokenBatch batch = new TokenBatch(new int[3], new double[3], entropy, entropy);
        boolean[][] mask = {{false, true, true}, {}, {false}};
        KeptTokens kept = new TokenLevel((b, ratio, seed) -> TokenSelection.of(mask), keepRatio(0.5, 0.5), 1).select(2,
                batch);
        assertThat(kept.tokens()).isEqualTo(4);
        assertThat(kept.keptCount()).isEqualTo(2);
        assertThat(kept.keptRatio()).isEqualTo(0.5);
        assertThat(kept.entropyMean()).isEqualTo(3);
        assertThat(kept.entropyMeanKept()).isEqualTo(2.5);
        assertThat(kept.weight()).isNull();
    }

    @Test
    void shouldStopAtAnEntropyThatIsNotFinite() {
        float[][] entropy = {{1, Float.NaN}};
        TokenLevel level = new TokenLevel((b, ratio, seed) -> TokenSelection.of(new boolean[][]{{true, true}}),
                keepRatio(1, 1), 1);
        assertThatThrownBy(() -> level.select(4, new TokenBatch(new int[1], new double[1], entropy, entropy)))
            .isInstanceOf(D3sException.class)
            .hasMessageContaining("step 4");
    }
}

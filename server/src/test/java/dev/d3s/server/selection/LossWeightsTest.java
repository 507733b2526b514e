package dev.d3s.server.selection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import dev.d3s.server.selection.LossWeights.Aggregation;
import dev.d3s.server.selection.LossWeights.Denominator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class LossWeightsTest {
    private final List<List<Double>> rows = new ArrayList<>();

    /** The weighted sum equals the loss written down as the papers write it: means of means. */
    @Property(tries = 400)
    void shouldGiveTheLossOfTheNaiveDefinition(@ForAll @IntRange(min = 1, max = 7) int rollouts, @ForAll long seed,
            @ForAll @DoubleRange(min = 0.1, max = 1) double share, @ForAll boolean weighted,
            @ForAll Aggregation aggregation, @ForAll Denominator denominator) {
        Random random = new Random(seed);
        boolean[][] kept = new boolean[rollouts][];
        float[][] selectorWeight = new float[rollouts][];
        double[][] loss = new double[rollouts][];
        for (int i = 0; i < rollouts; i++) {
            int length = 1 + random.nextInt(9);
            kept[i] = new boolean[length];
            selectorWeight[i] = new float[length];
            loss[i] = new double[length];
            for (int t = 0; t < length; t++) {
                kept[i][t] = random.nextDouble() < share;
                selectorWeight[i][t] = weighted ? 0.5f + random.nextFloat() : 1;
                loss[i][t] = random.nextGaussian();
            }
        }
        kept[0][0] = true;
        LossWeights weights = LossWeights.of(kept, weighted ? selectorWeight : null, aggregation, denominator);
        double sum = 0;
        for (int i = 0; i < rollouts; i++) {
            for (int t = 0; t < kept[i].length; t++) {
                assertThat(weights.weight()[i][t] != 0).isEqualTo(kept[i][t]);
                sum += weights.weight()[i][t] * loss[i][t];
            }
        }
        assertThat(sum).isCloseTo(naive(kept, selectorWeight, loss, aggregation, denominator), within(1e-5));
    }

    private double naive(boolean[][] kept, float[][] selectorWeight, double[][] loss, Aggregation aggregation,
            Denominator denominator) {
        rows.clear();
        for (int i = 0; i < kept.length; i++) {
            List<Double> terms = new ArrayList<>();
            for (int t = 0; t < kept[i].length; t++) {
                if (kept[i][t]) {
                    terms.add(selectorWeight[i][t] * loss[i][t]);
                } else if (denominator == Denominator.ALL) {
                    terms.add(0.0); // dropped, and counted all the same
                }
            }
            if (!terms.isEmpty()) {
                rows.add(terms);
            }
        }
        return switch (aggregation) {
            case ROLLOUT_MEAN -> mean(rows.stream().map(LossWeightsTest::mean).toList());
            case TOKEN_MEAN -> mean(rows.stream().flatMap(List::stream).toList());
        };
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    private static LossWeights of(Aggregation aggregation, Denominator denominator,
            float @Nullable [][] selectorWeight) {
        boolean[][] kept = {{true, false, true, false}, {false, false}, {true, false, false, false}};
        return LossWeights.of(kept, selectorWeight, aggregation, denominator);
    }

    @Test
    void shouldLeaveOutRolloutsWithoutAKeptToken() {
        for (Aggregation aggregation : Aggregation.values()) {
            for (Denominator denominator : Denominator.values()) {
                LossWeights weights = of(aggregation, denominator, null);
                assertThat(weights.trained()).containsExactly(0, 2);
                assertThat(weights.weight()[1]).containsExactly(0, 0);
            }
        }
    }

    @Test
    void shouldCountSuchRolloutsOnlyInTheDenominatorOfAll() {
        assertThat(of(Aggregation.ROLLOUT_MEAN, Denominator.KEPT, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 4f, 0, 1 / 4f, 0}, {0, 0}, {1 / 2f, 0, 0, 0}});
        assertThat(of(Aggregation.ROLLOUT_MEAN, Denominator.ALL, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 12f, 0, 1 / 12f, 0}, {0, 0}, {1 / 12f, 0, 0, 0}});
        assertThat(of(Aggregation.TOKEN_MEAN, Denominator.KEPT, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 3f, 0, 1 / 3f, 0}, {0, 0}, {1 / 3f, 0, 0, 0}});
        assertThat(of(Aggregation.TOKEN_MEAN, Denominator.ALL, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 10f, 0, 1 / 10f, 0}, {0, 0}, {1 / 10f, 0, 0, 0}});
    }

    @Test
    void shouldMultiplyTheSelectorsWeights() {
        float[][] weight = {{3, 7, 6, 7}, {7, 7}, {9, 7, 7, 7}};
        assertThat(of(Aggregation.TOKEN_MEAN, Denominator.KEPT, weight).weight())
            .isDeepEqualTo(new float[][]{{1, 0, 2, 0}, {0, 0}, {3, 0, 0, 0}});
    }

    /** Horvitz-Thompson: each token kept with probability q and weighted 1/q gives the undropped loss on average. */
    @Test
    void shouldBeUnbiasedUnderTheDenominatorOfAll() {
        Random random = new Random(3);
        double[] loss = {1, -2, 4, 0.5};
        double q = 0.4;
        double sum = 0;
        int draws = 40_000;
        for (int draw = 0; draw < draws; draw++) {
            boolean[][] kept = {{random.nextDouble() < q, random.nextDouble() < q},
                    {random.nextDouble() < q, random.nextDouble() < q}};
            float inverse = (float) (1 / q);
            float[][] weights = LossWeights.of(kept, new float[][]{{inverse, inverse}, {inverse, inverse}},
                    Aggregation.ROLLOUT_MEAN, Denominator.ALL)
                .weight();
            sum += weights[0][0] * loss[0] + weights[0][1] * loss[1] + weights[1][0] * loss[2]
                    + weights[1][1] * loss[3];
        }
        // full loss 3.5 / 4; standard deviation of one draw 1.42, of the mean 0.0071
        assertThat(sum / draws).isCloseTo(0.875, within(0.03));
    }
}

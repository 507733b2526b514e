package dev.d3s.server.selection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import dev.d3s.server.selection.LossWeights.Aggregation;
import dev.d3s.server.selection.LossWeights.Denominator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class LossWeightsTest {
    private static final Aggregation ROLLOUTS_KEPT = new Aggregation.RolloutMean(Denominator.KEPT);
    private static final Aggregation ROLLOUTS_ALL = new Aggregation.RolloutMean(Denominator.ALL);
    private static final Aggregation TOKENS_KEPT = new Aggregation.TokenMean(Denominator.KEPT);
    private static final Aggregation TOKENS_ALL = new Aggregation.TokenMean(Denominator.ALL);
    private static final Aggregation FIXED = new Aggregation.FixedLength(12);
    private static final List<Aggregation> EVERY = List.of(ROLLOUTS_KEPT, ROLLOUTS_ALL, TOKENS_KEPT, TOKENS_ALL, FIXED);

    @Provide
    Arbitrary<Aggregation> aggregations() {
        return Arbitraries.of(EVERY);
    }

    /** Those whose denominators do not depend on the selection. */
    @Provide
    Arbitrary<Aggregation> unbiased() {
        return Arbitraries.of(ROLLOUTS_ALL, TOKENS_ALL, FIXED);
    }

    /** A token's loss and its selector's weight; a dropped one has weight 0. */
    private record Term(double loss, double weight) {}

    /** The weighted sum equals the loss written down as the papers write it: means of means. */
    @Property(tries = 500)
    void shouldGiveTheLossOfTheNaiveDefinition(@ForAll @IntRange(min = 1, max = 7) int rollouts, @ForAll long seed,
            @ForAll @DoubleRange(min = 0.1, max = 1) double share, @ForAll boolean weighted,
            @ForAll("aggregations") Aggregation aggregation) {
        Random random = new Random(seed);
        boolean[][] kept = new boolean[rollouts][];
        float[][] selectorWeight = new float[rollouts][];
        List<List<Term>> terms = new ArrayList<>();
        for (int i = 0; i < rollouts; i++) {
            int length = 1 + random.nextInt(9);
            kept[i] = new boolean[length];
            selectorWeight[i] = new float[length];
            List<Term> row = new ArrayList<>();
            for (int t = 0; t < length; t++) {
                kept[i][t] = random.nextDouble() < share || (i == 0 && t == 0);
                selectorWeight[i][t] = weighted ? 0.5f + 4 * random.nextFloat() : 1;
                row.add(new Term(random.nextGaussian(), kept[i][t] ? selectorWeight[i][t] : 0));
            }
            terms.add(row);
        }
        LossWeights weights = LossWeights.of(kept, weighted ? selectorWeight : null, aggregation);
        double sum = 0;
        for (int i = 0; i < rollouts; i++) {
            for (int t = 0; t < kept[i].length; t++) {
                assertThat(weights.weight()[i][t] != 0).isEqualTo(kept[i][t]);
                sum += weights.weight()[i][t] * terms.get(i).get(t).loss;
            }
        }
        assertThat(sum).isCloseTo(naive(terms, aggregation), within(1e-5));
    }

    private static double naive(List<List<Term>> terms, Aggregation aggregation) {
        return switch (aggregation) {
            case Aggregation.RolloutMean mean -> switch (mean.denominator()) {
                case KEPT -> terms.stream()
                    .filter(row -> row.stream().anyMatch(term -> term.weight > 0))
                    .mapToDouble(LossWeightsTest::weightedMean)
                    .average()
                    .orElseThrow();
                case ALL -> terms.stream().mapToDouble(LossWeightsTest::plainMean).average().orElseThrow();
            };
            case Aggregation.TokenMean mean -> switch (mean.denominator()) {
                case KEPT -> weightedMean(terms.stream().flatMap(List::stream).toList());
                case ALL -> plainMean(terms.stream().flatMap(List::stream).toList());
            };
            case Aggregation.FixedLength fixed -> terms.stream()
                .mapToDouble(row -> row.stream().mapToDouble(term -> term.weight * term.loss).sum() / fixed.maxTokens())
                .average()
                .orElseThrow();
        };
    }

    private static double weightedMean(List<Term> terms) {
        return terms.stream().mapToDouble(term -> term.weight * term.loss).sum()
                / terms.stream().mapToDouble(Term::weight).sum();
    }

    /** Dropped terms count as 0. */
    private static double plainMean(List<Term> terms) {
        return terms.stream().mapToDouble(term -> term.weight * term.loss).average().orElseThrow();
    }

    private static LossWeights of(Aggregation aggregation, float @Nullable [][] selectorWeight) {
        boolean[][] kept = {{true, false, true, false}, {false, false}, {true, false, false, false}};
        return LossWeights.of(kept, selectorWeight, aggregation);
    }

    @Test
    void shouldLeaveOutRolloutsWithoutAKeptToken() {
        for (Aggregation aggregation : EVERY) {
            LossWeights weights = of(aggregation, null);
            assertThat(weights.trained()).containsExactly(0, 2);
            assertThat(weights.weight()[1]).containsExactly(0, 0);
        }
    }

    @Test
    void shouldTrainNothingWhereNothingIsKept() {
        for (Aggregation aggregation : EVERY) {
            LossWeights weights = LossWeights.of(new boolean[][]{{false, false}, {}}, null, aggregation);
            assertThat(weights.trained()).isEmpty();
            assertThat(weights.weight()).isDeepEqualTo(new float[][]{{0, 0}, {}});
        }
    }

    @Test
    void shouldCountSuchRolloutsOnlyInTheDenominatorOfAll() {
        assertThat(of(ROLLOUTS_KEPT, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 4f, 0, 1 / 4f, 0}, {0, 0}, {1 / 2f, 0, 0, 0}});
        assertThat(of(ROLLOUTS_ALL, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 12f, 0, 1 / 12f, 0}, {0, 0}, {1 / 12f, 0, 0, 0}});
        assertThat(of(TOKENS_KEPT, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 3f, 0, 1 / 3f, 0}, {0, 0}, {1 / 3f, 0, 0, 0}});
        assertThat(of(TOKENS_ALL, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 10f, 0, 1 / 10f, 0}, {0, 0}, {1 / 10f, 0, 0, 0}});
        assertThat(of(FIXED, null).weight())
            .isDeepEqualTo(new float[][]{{1 / 36f, 0, 1 / 36f, 0}, {0, 0}, {1 / 36f, 0, 0, 0}});
    }

    @Test
    void shouldDivideByTheKeptWeightOrByWhatThereWas() {
        float[][] weight = {{3, 7, 6, 7}, {7, 7}, {9, 7, 7, 7}};
        assertThat(of(ROLLOUTS_KEPT, weight).weight())
            .isDeepEqualTo(new float[][]{{1 / 6f, 0, 1 / 3f, 0}, {0, 0}, {1 / 2f, 0, 0, 0}});
        assertThat(of(TOKENS_KEPT, weight).weight())
            .isDeepEqualTo(new float[][]{{1 / 6f, 0, 1 / 3f, 0}, {0, 0}, {1 / 2f, 0, 0, 0}});
        assertThat(of(ROLLOUTS_ALL, weight).weight())
            .isDeepEqualTo(new float[][]{{1 / 4f, 0, 1 / 2f, 0}, {0, 0}, {3 / 4f, 0, 0, 0}});
        assertThat(of(TOKENS_ALL, weight).weight())
            .isDeepEqualTo(new float[][]{{3 / 10f, 0, 6 / 10f, 0}, {0, 0}, {9 / 10f, 0, 0, 0}});
        assertThat(of(FIXED, weight).weight())
            .isDeepEqualTo(new float[][]{{1 / 12f, 0, 1 / 6f, 0}, {0, 0}, {1 / 4f, 0, 0, 0}});
    }

    @Test
    void shouldTakeWeightsOfOneForNone() {
        float[][] ones = {{1, 1, 1, 1}, {1, 1}, {1, 1, 1, 1}};
        for (Aggregation aggregation : EVERY) {
            assertThat(of(aggregation, ones).weight()).isDeepEqualTo(of(aggregation, null).weight());
        }
    }

    /** One way in which a random selection can treat a rollout. */
    private record Outcome(boolean[] mask, double probability) {}

    /** A random selection of one rollout's tokens: everything that can happen, so that what follows is exact. */
    private record Design(List<Outcome> outcomes, double[] loss) {
        static Design random(Random random) {
            double[] loss = random.doubles(1 + random.nextInt(6), -2, 2).toArray();
            int count = 1 + random.nextInt(4);
            double[] share = random.doubles(count + 1, 0.1, 1).toArray();
            double all = Arrays.stream(share).sum();
            List<Outcome> outcomes = new ArrayList<>();
            for (int index = 0; index < count; index++) {
                boolean[] mask = new boolean[loss.length];
                int cut = random.nextInt(loss.length + 1);
                boolean prefix = random.nextBoolean();
                for (int t = 0; t < mask.length; t++) {
                    mask[t] = prefix ? t < cut : random.nextBoolean();
                }
                outcomes.add(new Outcome(mask, share[index] / all));
            }
            // every token must have a chance to be kept
            boolean[] whole = new boolean[loss.length];
            Arrays.fill(whole, true);
            outcomes.add(new Outcome(whole, share[count] / all));
            return new Design(outcomes, loss);
        }

        float[] horvitzThompson() {
            float[] weight = new float[loss.length];
            for (int t = 0; t < weight.length; t++) {
                int token = t;
                weight[t] = (float) (1
                        / outcomes.stream().filter(one -> one.mask[token]).mapToDouble(Outcome::probability).sum());
            }
            return weight;
        }

        Outcome draw(Random random) {
            double position = random.nextDouble();
            for (Outcome outcome : outcomes) {
                position -= outcome.probability;
                if (position < 0) {
                    return outcome;
                }
            }
            return outcomes.getLast();
        }
    }

    private static double estimate(List<Design> designs, List<Outcome> outcomes, float[][] selectorWeight,
            Aggregation aggregation) {
        boolean[][] kept = outcomes.stream().map(Outcome::mask).toArray(boolean[][]::new);
        float[][] weight = LossWeights.of(kept, selectorWeight, aggregation).weight();
        double sum = 0;
        for (int i = 0; i < weight.length; i++) {
            for (int t = 0; t < weight[i].length; t++) {
                sum += weight[i][t] * designs.get(i).loss[t];
            }
        }
        return sum;
    }

    /** The loss that dropping nothing would have given. */
    private static double undropped(List<Design> designs, Aggregation aggregation) {
        List<Outcome> everything = designs.stream().map(design -> design.outcomes.getLast()).toList();
        return estimate(designs, everything, designs.stream().map(design -> {
            float[] ones = new float[design.loss.length];
            Arrays.fill(ones, 1);
            return ones;
        }).toArray(float[][]::new), aggregation);
    }

    /** Horvitz-Thompson: over all that can happen, the mean of the estimates is the loss of everything. */
    @Property(tries = 200)
    void shouldBeUnbiasedOverAllSelections(@ForAll @IntRange(min = 1, max = 4) int rollouts, @ForAll long seed,
            @ForAll("unbiased") Aggregation aggregation) {
        Random random = new Random(seed);
        List<Design> designs = IntStream.range(0, rollouts).mapToObj(i -> Design.random(random)).toList();
        float[][] weight = designs.stream().map(Design::horvitzThompson).toArray(float[][]::new);
        int[] choice = new int[rollouts];
        double expected = 0;
        int at = 0;
        while (at < rollouts) {
            List<Outcome> outcomes = new ArrayList<>();
            double probability = 1;
            for (int i = 0; i < rollouts; i++) {
                Outcome outcome = designs.get(i).outcomes.get(choice[i]);
                outcomes.add(outcome);
                probability *= outcome.probability;
            }
            expected += probability * estimate(designs, outcomes, weight, aggregation);
            // the next combination, as an odometer counts
            at = 0;
            while (at < rollouts && ++choice[at] == designs.get(at).outcomes.size()) {
                choice[at++] = 0;
            }
        }
        assertThat(expected).isCloseTo(undropped(designs, aggregation), within(1e-5));
    }

    /**
     * The same by drawing, for a batch too large to enumerate. Under these aggregations the estimate is a sum of independent
     * terms, one per rollout, so Bernstein's inequality holds for the sum S of all of them in N draws: P(|S - E S| >= t) <= 2
     * exp(-t^2 / 2 / (V + M t / 3)) with V the variance of S and M the largest deviation of a term. Solved for t at a
     * probability of 1e-9.
     */
    @Property(tries = 30)
    void shouldBeUnbiasedOnAverage(@ForAll long seed, @ForAll("unbiased") Aggregation aggregation) {
        Random random = new Random(seed);
        List<Design> designs = IntStream.range(0, 12).mapToObj(i -> Design.random(random)).toList();
        float[][] weight = designs.stream().map(Design::horvitzThompson).toArray(float[][]::new);
        double variance = 0;
        double largest = 0;
        for (int i = 0; i < designs.size(); i++) {
            List<Outcome> outcomes = new ArrayList<>(designs.stream().map(one -> one.outcomes.getLast()).toList());
            double rest = estimate(designs, outcomes, weight, aggregation);
            double mean = 0;
            double square = 0;
            List<Double> terms = new ArrayList<>();
            for (Outcome outcome : designs.get(i).outcomes) {
                outcomes.set(i, outcome);
                double term = estimate(designs, outcomes, weight, aggregation) - rest;
                terms.add(term);
                mean += outcome.probability * term;
                square += outcome.probability * term * term;
            }
            variance += square - mean * mean;
            for (double term : terms) {
                largest = Math.max(largest, Math.abs(term - mean));
            }
        }
        int draws = 3_000;
        double sum = 0;
        for (int draw = 0; draw < draws; draw++) {
            sum += estimate(designs, designs.stream().map(design -> design.draw(random)).toList(), weight, aggregation);
        }
        double log = Math.log(2 / 1e-9);
        double bound = log * largest / 3 + Math.sqrt(Math.pow(log * largest / 3, 2) + 2 * draws * variance * log);
        // the weights are fp32
        assertThat(sum / draws).isCloseTo(undropped(designs, aggregation), within(bound / draws + 1e-5));
    }

    /** Hajek: weights that are all larger by the same factor leave the loss as it is. */
    @Property(tries = 100)
    void shouldNotBeScaledByTheSelectorsWeights(@ForAll long seed,
            @ForAll @DoubleRange(min = 0.1, max = 50) double scale,
            @ForAll boolean tokens) {
        Aggregation aggregation = tokens ? TOKENS_KEPT : ROLLOUTS_KEPT;
        Random random = new Random(seed);
        List<Design> designs = IntStream.range(0, 5).mapToObj(i -> Design.random(random)).toList();
        float[][] weight = designs.stream().map(Design::horvitzThompson).toArray(float[][]::new);
        float[][] scaled = Arrays.stream(weight).map(float[]::clone).toArray(float[][]::new);
        for (float[] row : scaled) {
            for (int t = 0; t < row.length; t++) {
                row[t] *= (float) scale;
            }
        }
        List<Outcome> outcomes = designs.stream().map(design -> design.draw(random)).toList();
        assertThat(estimate(designs, outcomes, scaled, aggregation))
            .isCloseTo(estimate(designs, outcomes, weight, aggregation), within(1e-5));
    }
}

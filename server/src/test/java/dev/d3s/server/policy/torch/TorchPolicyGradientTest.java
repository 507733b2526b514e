package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.torch.TorchPolicy.Accumulated;
import dev.d3s.server.policy.torch.TorchPolicy.Coverage;

/** Loss and gradients of the program against an independent decoder and against other ways of cutting the same work. */
class TorchPolicyGradientTest {
    private static final Objective RATIO = new Objective.ClippedRatio(0.2, 0.28, 0.1, 2, 0.8);
    private static final Objective SEQUENCE = new Objective.SequenceRatio(0.04, 0.03, 0.1, 2, 0.8);
    private static final Objective WEIGHT = new Objective.ClippedWeight(0.3, 0.4, 0.1, 2, 0.8);
    private static final Objective CROSS_ENTROPY = new Objective.CrossEntropy();

    enum Model {
        TIED(ModelConfig.qwen2(61, 32, 3, 4, 2, 8, 48, 64, 10_000, 1e-6, true, List.of(0))), UNTIED(
                ModelConfig.qwen2(53, 24, 2, 3, 3, 6, 40, 64, 500_000, 1e-5, false, List.of(0))), ONE_LAYER(
                        ModelConfig.qwen2(40, 16, 1, 4, 1, 4, 24, 64, 10_000, 1e-6, true, List.of(0)));

        private final ModelConfig config;

        Model(ModelConfig config) {
            this.config = config;
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldEqualAnIndependentDecoderOnTheClippedRatio(Model model) {
        shouldEqualOracle(model.config, RATIO, new RandomSequences(model.config, 5).of(9, 8, 20));
    }

    @ParameterizedTest
    @EnumSource
    void shouldEqualAnIndependentDecoderOnTheFirstUpdateOfABatch(Model model) {
        shouldEqualOracle(model.config, RATIO, new RandomSequences(model.config, 6).withoutOld().of(9, 8, 20));
    }

    @ParameterizedTest
    @EnumSource
    void shouldEqualAnIndependentDecoderOnTheSequenceRatio(Model model) {
        shouldEqualOracle(model.config, SEQUENCE, new RandomSequences(model.config, 6).withoutOld().of(9, 8, 20));
        shouldClipSomeOnEitherSide(
                shouldEqualOracle(model.config, SEQUENCE, later(model.config, SEQUENCE.temperature())));
    }

    @ParameterizedTest
    @EnumSource
    void shouldEqualAnIndependentDecoderOnTheClippedWeight(Model model) {
        shouldEqualOracle(model.config, WEIGHT, new RandomSequences(model.config, 6).withoutOld().of(9, 8, 20));
        shouldClipSomeOnEitherSide(shouldEqualOracle(model.config, WEIGHT, later(model.config, WEIGHT.temperature())));
    }

    /** Sequences whose old log-probabilities lie around those of the policy. */
    private static List<TrainingSequence> later(ModelConfig config, double temperature) {
        SplittableRandom random = new SplittableRandom(9);
        List<TrainingSequence> later = new ArrayList<>();
        try (NDArrayDecoder decoder = new NDArrayDecoder(config, RandomWeights.of(config, 3))) {
            for (TrainingSequence one : new RandomSequences(config, 8).of(30, 8, 20)) {
                float[] old = decoder.score(one.tokens(), one.promptLength(), temperature).logprobs();
                for (int token = 0; token < old.length; token++) {
                    old[token] += (float) (0.3 * random.nextGaussian());
                }
                later.add(new TrainingSequence(one.tokens(), one.promptLength(), one.advantage(), one.lossWeight(),
                        one.rolloutLogprobs(), old, one.referenceLogprobs()));
            }
        }
        return later;
    }

    private static void shouldClipSomeOnEitherSide(Accumulated found) {
        double low = found.statistics()[1];
        double high = found.statistics()[2];
        assertThat(low).isPositive();
        assertThat(high).isPositive();
        assertThat(low + high).isLessThan((double) found.keptTokens());
    }

    @ParameterizedTest
    @EnumSource
    void shouldEqualAnIndependentDecoderOnCrossEntropy(Model model) {
        shouldEqualOracle(model.config, CROSS_ENTROPY, new RandomSequences(model.config, 7).withoutOld()
            .withoutReference()
            .withoutRollout()
            .keeping(1)
            .of(9, 8, 20));
    }

    private static Accumulated shouldEqualOracle(ModelConfig config, Objective objective,
            List<TrainingSequence> sequences) {
        RandomWeights weights = RandomWeights.of(config, 3);
        try (TorchPolicy policy = TorchPolicy.open(config, weights, new TorchPolicySettings(2, 1, 100, 4_000));
                NDArrayDecoder oracle = new NDArrayDecoder(config, weights)) {
            NDArrayDecoder.Result expected = oracle.gradients(sequences, objective);
            Accumulated accumulated = policy.accumulate(sequences, objective, Coverage.KEPT);
            assertThat(accumulated.loss()).isCloseTo(expected.loss(), within(1e-5 * Math.abs(expected.loss())));
            float[][] gradients = policy.accumulatedGradients();
            for (int index = 0; index < gradients.length; index++) {
                assertThat(relativeError(gradients[index], expected.gradients()[index]))
                    .as(ParameterLayout.of(config).get(index).name())
                    .isLessThan(1e-5);
            }
            return accumulated;
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldComputeTheSameWhetherDroppedTokensAreSkippedOrMasked(Model model) {
        List<TrainingSequence> sequences = new RandomSequences(model.config, 11).keeping(0.2).of(12, 8, 30);
        Run kept = run(model.config, settings(), sequences, Coverage.KEPT);
        Run masked = run(model.config, settings(), sequences, Coverage.ALL);
        assertThat(kept.accumulated.computedTokens()).isLessThan(masked.accumulated.computedTokens());
        shouldBeClose(kept, masked);
    }

    @ParameterizedTest
    @EnumSource
    void shouldNotDependOnMicroBatchesWorkersOrParts(Model model) {
        List<TrainingSequence> sequences = new RandomSequences(model.config, 12).of(13, 8, 30);
        Run whole = run(model.config, settings(), sequences, Coverage.KEPT);
        assertThat(whole.accumulated.microBatches()).isEqualTo(1);
        Run small = run(model.config, settings().withTokensPerMicroBatch(40), sequences, Coverage.KEPT);
        assertThat(small.accumulated.microBatches()).isGreaterThan(5);
        shouldBeClose(small, whole);
        Run alone = run(model.config, settings().withTokensPerMicroBatch(1), sequences, Coverage.KEPT);
        assertThat(alone.accumulated.microBatches()).isEqualTo(13);
        assertThat(alone.accumulated.paddedTokens()).isEqualTo(alone.accumulated.computedTokens());
        shouldBeClose(alone, whole);
        shouldBeClose(run(model.config, settings().withWorkers(2), sequences, Coverage.KEPT), whole);
        shouldBeClose(run(model.config, settings().withWorkers(3).withTokensPerMicroBatch(60), sequences,
                Coverage.KEPT), whole);
        // one, then seven rows of the lm_head at a time
        shouldBeClose(run(model.config, settings().withLogitsBytes(1), sequences, Coverage.KEPT), whole);
        shouldBeClose(run(model.config, settings().withLogitsBytes(7L * 8 * model.config.vocabularySize()),
                sequences, Coverage.KEPT), whole);
    }

    @ParameterizedTest
    @EnumSource
    void shouldBeReproducibleBitForBit(Model model) {
        List<TrainingSequence> sequences = new RandomSequences(model.config, 13).of(20, 8, 30);
        TorchPolicySettings settings = settings().withWorkers(2).withTokensPerMicroBatch(50);
        Run first = run(model.config, settings, sequences, Coverage.KEPT);
        for (int attempt = 0; attempt < 5; attempt++) {
            Run again = run(model.config, settings, sequences, Coverage.KEPT);
            assertThat(again.gradients).isDeepEqualTo(first.gradients);
            assertThat(again.accumulated.statistics()).isEqualTo(first.accumulated.statistics());
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldScoreLikeAnIndependentDecoder(Model model) {
        ModelConfig config = model.config;
        List<TrainingSequence> sequences = new RandomSequences(config, 14).of(11, 8, 30);
        List<int[]> tokens = sequences.stream().map(TrainingSequence::tokens).toList();
        int[] promptLength = sequences.stream().mapToInt(TrainingSequence::promptLength).toArray();
        RandomWeights weights = RandomWeights.of(config, 3);
        try (TorchPolicy policy = TorchPolicy.open(config, weights, new TorchPolicySettings(2, 1, 100, 4_000));
                NDArrayDecoder oracle = new NDArrayDecoder(config, weights)) {
            List<TokenScores> scores = policy.score(tokens, promptLength, 0.7);
            for (int index = 0; index < scores.size(); index++) {
                TokenScores expected = oracle.score(tokens.get(index), promptLength[index], 0.7);
                assertThat(scores.get(index).logprobs()).containsExactly(expected.logprobs(), within(1e-5f));
                assertThat(scores.get(index).entropies()).containsExactly(expected.entropies(), within(1e-5f));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldScoreChosenTokensWithoutReadingWhatFollowsThem(Model model) {
        ModelConfig config = model.config;
        SplittableRandom random = new SplittableRandom(15);
        List<TrainingSequence> sequences = new RandomSequences(config, 15).of(11, 8, 30);
        int[] promptLength = sequences.stream().mapToInt(TrainingSequence::promptLength).toArray();
        List<int[]> whole = sequences.stream().map(TrainingSequence::tokens).toList();
        List<int[]> cut = new ArrayList<>();
        boolean[][] chosen = new boolean[whole.size()][];
        for (int index = 0; index < chosen.length; index++) {
            chosen[index] = new boolean[sequences.get(index).completionLength()];
            int end = index == 0 ? 0 : random.nextInt(1, chosen[index].length + 1);
            for (int token = 0; token < end; token++) {
                chosen[index][token] = token == end - 1 || random.nextInt(3) == 0;
            }
            // an embedding that does not exist: reading it would fail
            int[] tokens = whole.get(index).clone();
            Arrays.fill(tokens, promptLength[index] + end, tokens.length, config.vocabularySize() + 1);
            cut.add(tokens);
        }
        try (TorchPolicy policy = TorchPolicy.open(config, RandomWeights.of(config, 3),
                new TorchPolicySettings(2, 1, 100, 4_000))) {
            List<TokenScores> every = policy.score(whole, promptLength, 0.7);
            List<TokenScores> some = policy.score(cut, promptLength, chosen, 0.7);
            assertThat(some).hasSameSizeAs(every);
            for (int index = 0; index < chosen.length; index++) {
                assertThat(some.get(index).logprobs()).hasSameSizeAs(chosen[index]);
                for (int token = 0; token < chosen[index].length; token++) {
                    float logprob = some.get(index).logprobs()[token];
                    float entropy = some.get(index).entropies()[token];
                    if (chosen[index][token]) {
                        assertThat(logprob).isCloseTo(every.get(index).logprobs()[token], within(1e-5f));
                        assertThat(entropy).isCloseTo(every.get(index).entropies()[token], within(1e-5f));
                    } else {
                        assertThat(logprob).isNaN();
                        assertThat(entropy).isNaN();
                    }
                }
            }
            assertThatThrownBy(() -> policy.score(whole, promptLength, new boolean[whole.size()][1], 0.7))
                .hasMessageContaining("1 flags");
            assertThatThrownBy(() -> policy.score(cut, promptLength, 0.7)).isInstanceOf(RuntimeException.class);
        }
    }

    @Test
    void shouldScoreACompletionWithoutTokens() {
        ModelConfig config = Model.TIED.config;
        try (TorchPolicy policy = TorchPolicy.open(config, RandomWeights.of(config, 3), settings())) {
            List<TokenScores> scores = policy.score(List.of(new int[]{1, 2}, new int[]{1, 2}), new int[]{2, 1}, 1);
            assertThat(scores.get(0).logprobs()).isEmpty();
            assertThat(scores.get(1).logprobs()).hasSize(1);
        }
    }

    private static TorchPolicySettings settings() {
        return new TorchPolicySettings(1, 1, 10_000, 1 << 20);
    }

    private record Run(Accumulated accumulated, float[][] gradients) {}

    private static Run run(ModelConfig config, TorchPolicySettings settings, List<TrainingSequence> sequences,
            Coverage coverage) {
        try (TorchPolicy policy = TorchPolicy.open(config, RandomWeights.of(config, 3), settings)) {
            Accumulated accumulated = policy.accumulate(sequences, RATIO, coverage);
            return new Run(accumulated, policy.accumulatedGradients());
        }
    }

    private static void shouldBeClose(Run actual, Run expected) {
        // a gradient is an fp32 sum over tokens, here in another order: its rounding error grows as a random walk's
        double tolerance = 4 * Math.ulp(1f) / 2 * Math.sqrt((double) expected.accumulated.computedTokens());
        assertThat(actual.accumulated.loss()).isCloseTo(expected.accumulated.loss(),
                within(1e-6 * Math.abs(expected.accumulated.loss())));
        for (int index = 0; index < actual.gradients.length; index++) {
            double[] doubles = new double[expected.gradients[index].length];
            for (int at = 0; at < doubles.length; at++) {
                doubles[at] = expected.gradients[index][at];
            }
            assertThat(relativeError(actual.gradients[index], doubles)).as("parameter " + index).isLessThan(tolerance);
        }
    }

    /** |actual - expected| / |expected| in the Euclidean norm. */
    private static double relativeError(float[] actual, double[] expected) {
        double difference = 0;
        double norm = 0;
        for (int at = 0; at < expected.length; at++) {
            difference += Math.pow(actual[at] - expected[at], 2);
            norm += expected[at] * expected[at];
        }
        return Math.sqrt(difference / norm);
    }
}

package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.policy.torch.TorchPolicy.Coverage;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

class TorchPolicyTest {
    private static final ModelConfig CONFIG = ModelConfig.qwen2(61, 32, 3, 4, 2, 8, 48, 64, 10_000, 1e-6, true,
            List.of(0));
    private static final ModelConfig OTHER = ModelConfig.qwen2(61, 32, 2, 4, 2, 8, 48, 64, 10_000, 1e-6, true,
            List.of(0));
    private static final Objective RATIO = new Objective.ClippedRatio(0.2, 0.28, 0.1, 2, 1);
    private static final TorchPolicySettings SETTINGS = new TorchPolicySettings(2, 1, 120, 1 << 20);

    @TempDir
    Path directory;

    private final List<TrainingSequence> sequences = new RandomSequences(CONFIG, 21).of(12, 8, 20);

    @Test
    void shouldApplyAdamWAsWritten() {
        OptimizerStep step = new OptimizerStep(0.01, 0.1, 0.9, 0.99, 1e-8, 0.5);
        try (TorchPolicy policy = open(1)) {
            float[][] weights = values(policy.weights());
            float[][] first = zeros(weights);
            float[][] second = zeros(weights);
            for (int count = 1; count <= 3; count++) {
                policy.accumulate(sequences, RATIO, Coverage.KEPT);
                float[][] gradients = policy.accumulatedGradients();
                policy.discard();
                double norm = norm(gradients);
                UpdateReport report = policy.update(sequences, RATIO, step);
                assertThat(report.gradientNorm()).isCloseTo(norm, within(1e-6 * norm));
                assertThat(norm).isGreaterThan(step.maxGradNorm());
                for (int index = 0; index < weights.length; index++) {
                    boolean matrix = policy.weights().parameters().get(index).shape().length == 2;
                    adamW(weights[index], gradients[index], first[index], second[index], step,
                            matrix ? step.weightDecay() : 0, Math.min(1, step.maxGradNorm() / norm), count);
                    assertThat(values(policy.weights())[index]).as("parameter " + index)
                        .containsExactly(weights[index], within(2e-6f));
                }
            }
        }
    }

    private static void adamW(float[] weight, float[] gradient, float[] first, float[] second, OptimizerStep step,
            double decay, double scale, int count) {
        for (int at = 0; at < weight.length; at++) {
            double g = gradient[at] * scale;
            first[at] = (float) (step.beta1() * first[at] + (1 - step.beta1()) * g);
            second[at] = (float) (step.beta2() * second[at] + (1 - step.beta2()) * g * g);
            double mean = first[at] / (1 - Math.pow(step.beta1(), count));
            double square = second[at] / (1 - Math.pow(step.beta2(), count));
            weight[at] = (float) (weight[at] - step.learningRate() * decay * weight[at]
                    - step.learningRate() * mean / (Math.sqrt(square) + step.epsilon()));
        }
    }

    @Test
    void shouldLeaveAGradientAloneThatIsSmallEnough() {
        try (TorchPolicy clipped = open(1); TorchPolicy free = open(1)) {
            clipped.update(sequences, RATIO, step(1e6));
            free.update(sequences, RATIO, step(Double.POSITIVE_INFINITY));
            assertThat(values(clipped.weights())).isDeepEqualTo(values(free.weights()));
        }
    }

    @Test
    void shouldReportWhatItComputed() {
        TrainingSequence cut = new TrainingSequence(new int[]{1, 2, 3, 4, 5, 6, 7, 8}, 3, 1,
                new float[]{0, 0.5f, 0, 0, 0}, null, null, null);
        TrainingSequence whole = new TrainingSequence(new int[]{1, 2, 3, 4}, 1, -1, new float[]{1, 1, 1},
                null, null, null);
        try (TorchPolicy policy = open(1)) {
            UpdateReport report = policy.update(List.of(cut, whole), new Objective.CrossEntropy(), step(1));
            assertThat(report.keptTokens()).isEqualTo(4);
            // the cut one ends before its kept token at index 4, the whole one before its last
            assertThat(report.computedTokens()).isEqualTo(4 + 3);
            assertThat(report.policyVersion()).isEqualTo(1);
            assertThat(report.kl()).isZero();
            float[] first = policy.score(List.of(cut.tokens()), new int[]{3}, 1).getFirst().logprobs();
            assertThat(first).hasSize(5);
        }
    }

    @Test
    void shouldLearnSequencesByHeart() {
        List<TrainingSequence> rows = new RandomSequences(CONFIG, 3).withoutOld()
            .withoutRollout()
            .withoutReference()
            .keeping(1)
            .of(4, 3, 12);
        try (TorchPolicy policy = open(1)) {
            double before = policy.update(rows, new Objective.CrossEntropy(), OptimizerStep.of(0.01)).loss();
            double after = before;
            for (int count = 0; count < 60; count++) {
                after = policy.update(rows, new Objective.CrossEntropy(), OptimizerStep.of(0.01)).loss();
            }
            assertThat(after).isLessThan(0.05 * before);
            assertThat(policy.version()).isEqualTo(61);
        }
    }

    @Test
    void shouldShowEachUpdateInTheWeightsWithoutACopy() {
        try (TorchPolicy policy = open(1)) {
            ByteBuffer live = policy.weights().values(0);
            float before = live.getFloat(0);
            policy.update(sequences, RATIO, step(1));
            assertThat(live.isDirect()).isTrue();
            assertThat(live.getFloat(0)).isNotEqualTo(before);
        }
    }

    @Test
    void shouldAbandonAnUpdateBetweenTwoMicroBatchesAndForgetIt() {
        TorchPolicySettings small = new TorchPolicySettings(2, 1, 20, 1 << 20);
        AtomicInteger questions = new AtomicInteger();
        AtomicInteger most = new AtomicInteger(Integer.MAX_VALUE);
        try (TorchPolicy policy = TorchPolicy.open(CONFIG, RandomWeights.of(CONFIG, 1), small)
            .until(() -> questions.incrementAndGet() > most.get());
                TorchPolicy untouched = TorchPolicy.open(CONFIG, RandomWeights.of(CONFIG, 1), small)) {
            int microBatches = untouched.update(sequences, RATIO, step(1)).microBatches();
            assertThat(microBatches).isGreaterThan(8);
            policy.update(sequences, RATIO, step(1));
            float[][] before = values(policy.weights());
            for (int computed : new int[]{0, 1, 7, microBatches - 1}) {
                questions.set(0);
                most.set(computed);
                assertThatThrownBy(() -> policy.update(sequences, RATIO, step(1)))
                    .isInstanceOf(CancellationException.class);
                assertThat(questions).as("each micro-batch asks once").hasValue(microBatches);
                assertThat(values(policy.weights())).isDeepEqualTo(before);
                assertThat(List.of(policy.accumulatedGradients()))
                    .allSatisfy(gradient -> assertThat(gradient).containsOnly(0));
            }
            questions.set(0);
            assertThatThrownBy(() -> policy.score(sequences.stream().map(TrainingSequence::tokens).toList(),
                    sequences.stream().mapToInt(TrainingSequence::promptLength).toArray(), 1))
                .isInstanceOf(CancellationException.class);

            most.set(Integer.MAX_VALUE);
            assertThat(policy.update(sequences, RATIO, step(1))).isEqualTo(untouched.update(sequences, RATIO, step(1)));
            assertThat(values(policy.weights())).isDeepEqualTo(values(untouched.weights()));
            assertThat(policy.version()).isEqualTo(2);
        }
    }

    @Test
    void shouldFreezeItsOwnCopy() {
        List<int[]> tokens = List.of(sequences.getFirst().tokens());
        int[] prompt = {1};
        try (TorchPolicy policy = open(1)) {
            TokenScores before = policy.score(tokens, prompt, 1).getFirst();
            try (ReferencePolicy reference = TorchReferencePolicy.open(CONFIG, policy.weights(), SETTINGS)) {
                policy.update(sequences, RATIO, step(1));
                assertThat(reference.score(tokens, prompt, 1).getFirst().logprobs()).isEqualTo(before.logprobs());
                assertThat(policy.score(tokens, prompt, 1).getFirst().logprobs()).isNotEqualTo(before.logprobs());
            }
        }
    }

    @Test
    void shouldContinueBitForBitFromASavedOptimizer() throws IOException {
        try (TorchPolicy policy = open(1)) {
            train(policy, 3);
            policy.saveOptimizer(directory);
            Weights saved = copy(policy.weights());
            train(policy, 3);
            try (TorchPolicy resumed = TorchPolicy.open(CONFIG, saved, SETTINGS)) {
                resumed.loadOptimizer(directory);
                assertThat(resumed.version()).isEqualTo(3);
                train(resumed, 3);
                assertThat(values(resumed.weights())).isDeepEqualTo(values(policy.weights()));
                assertThat(resumed.version()).isEqualTo(policy.version());
            }
            try (TorchPolicy forgetful = TorchPolicy.open(CONFIG, saved, SETTINGS)) {
                train(forgetful, 3);
                assertThat(forgetful.weights().values(0).asFloatBuffer().get(0))
                    .isNotEqualTo(policy.weights().values(0).asFloatBuffer().get(0));
            }
        }
    }

    @Test
    void shouldRefuseAnOptimizerThatIsAbsentDamagedOrOfAnotherModel() throws IOException {
        try (TorchPolicy policy = open(1);
                TorchPolicy other = TorchPolicy.open(OTHER, RandomWeights.of(OTHER, 1), SETTINGS)) {
            assertThatThrownBy(() -> policy.loadOptimizer(directory)).isInstanceOf(D3sException.class)
                .hasMessageContaining("optimizer.safetensors");
            train(policy, 1);
            policy.saveOptimizer(directory);
            assertThatThrownBy(() -> other.loadOptimizer(directory)).isInstanceOf(D3sException.class)
                .hasMessageContaining("another model");
            Path file = directory.resolve(OptimizerFile.NAME);
            try (RandomAccessFile damage = new RandomAccessFile(file.toFile(), "rw")) {
                damage.seek(Files.size(file) - 5);
                damage.write(77);
            }
            assertThatThrownBy(() -> policy.loadOptimizer(directory))
                .isInstanceOfSatisfying(D3sException.class, failure -> {
                    assertThat(failure.code()).isEqualTo("checkpoint_unusable");
                    assertThat(failure).hasMessageContaining("checksum");
                });
            Files.write(file, new byte[]{1, 2, 3});
            assertThatThrownBy(() -> policy.loadOptimizer(directory)).isInstanceOf(D3sException.class)
                .hasMessageContaining("damaged");
            assertThat(policy.version()).isEqualTo(1);
        }
    }

    @Test
    void shouldChangeNothingWhenTheLossIsNotFinite() {
        TrainingSequence good = sequences.getFirst();
        TrainingSequence bad = new TrainingSequence(good.tokens(), good.promptLength(), Double.NaN, good.lossWeight(),
                good.rolloutLogprobs(), good.oldLogprobs(), good.referenceLogprobs());
        try (TorchPolicy policy = open(1); TorchPolicy untouched = open(1)) {
            train(policy, 1);
            train(untouched, 1);
            assertThatThrownBy(() -> policy.update(List.of(good, bad), RATIO, step(1)))
                .isInstanceOfSatisfying(D3sException.class, failure -> {
                    assertThat(failure.code()).isEqualTo("loss_not_finite");
                    assertThat(failure.category()).isEqualTo(ErrorCategory.USER);
                    assertThat(failure).hasMessageContaining("Lower the learning rate");
                });
            assertThat(policy.version()).isEqualTo(1);
            train(policy, 2);
            train(untouched, 2);
            assertThat(values(policy.weights())).isDeepEqualTo(values(untouched.weights()));
        }
    }

    @Test
    void shouldChangeNothingWhenOnlyTheGradientIsNotFinite() {
        // enormous advantages: each term of the loss is finite, the gradient's square is not in fp32, but it is in fp64
        TrainingSequence good = sequences.getFirst();
        TrainingSequence huge = new TrainingSequence(good.tokens(), good.promptLength(), 1e38, good.lossWeight(), null,
                null, null);
        try (TorchPolicy policy = open(1)) {
            float[][] before = values(policy.weights());
            assertThatThrownBy(() -> policy.update(List.of(huge, huge, huge, huge, huge, huge, huge, huge),
                    new Objective.ClippedRatio(0.2, 0.2, 0, 0, 1e-3), step(1)))
                .isInstanceOf(D3sException.class)
                .hasMessageContaining("gradient norm");
            assertThat(values(policy.weights())).isDeepEqualTo(before);
            assertThat(policy.update(sequences, RATIO, step(1)).gradientNorm()).isFinite();
        }
    }

    @Test
    void shouldRefuseWhatCannotBeTrainedOn() {
        TrainingSequence good = sequences.getFirst();
        TrainingSequence nothing = new TrainingSequence(new int[]{1, 2, 3}, 1, 1, new float[2], null, null, null);
        TrainingSequence unknown = new TrainingSequence(new int[]{1, 99, 3}, 1, 1, new float[]{1, 1}, null, null, null);
        TrainingSequence endless = new TrainingSequence(new int[200], 1, 1, ones(199), null, null, null);
        Objective crossEntropy = new Objective.CrossEntropy();
        try (TorchPolicy policy = open(1)) {
            assertThatThrownBy(() -> policy.update(List.of(), RATIO, step(1)))
                .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> policy.update(List.of(good, nothing), crossEntropy, step(1)))
                .hasMessageContaining("Sequence 1 has no kept token");
            assertThatThrownBy(() -> policy.update(List.of(unknown), crossEntropy, step(1)))
                .hasMessageContaining("token 99 outside the vocabulary");
            assertThatThrownBy(() -> policy.update(List.of(endless), crossEntropy, step(1)))
                .hasMessageContaining("context of 64");
            assertThatThrownBy(() -> policy.update(List.of(RandomSequences.withoutReference(good)), RATIO, step(1)))
                .hasMessageContaining("referenceLogprobs");
        }
    }

    @Test
    void shouldNeitherLeakTensorsNorMemory() throws IOException {
        // the policy caps its manager when it is opened: a tensor left behind by a step would be refused
        List<TrainingSequence> many = new RandomSequences(CONFIG, 22).of(24, 8, 50);
        try (TorchPolicy policy = open(1)) {
            for (int count = 0; count < 100; count++) {
                policy.update(many, RATIO, step(1));
            }
            long before = residentKilobytes();
            for (int count = 0; count < 200; count++) {
                policy.update(many, RATIO, step(1));
            }
            for (int count = 0; count < 50; count++) {
                policy.score(many.stream().map(TrainingSequence::tokens).toList(),
                        many.stream().mapToInt(TrainingSequence::promptLength).toArray(), 1);
            }
            // each step fills about 6 MB of tensors: a leak of 5 % of them would show above what the JVM itself takes
            assertThat(residentKilobytes() - before).isLessThan(60_000);
        }
    }

    private TorchPolicy open(long seed) {
        return TorchPolicy.open(CONFIG, RandomWeights.of(CONFIG, seed), SETTINGS);
    }

    private void train(TorchPolicy policy, int updates) {
        for (int count = 0; count < updates; count++) {
            policy.update(sequences, RATIO, step(1));
        }
    }

    private static OptimizerStep step(double maxGradNorm) {
        return new OptimizerStep(1e-3, 0.01, 0.9, 0.999, 1e-8, maxGradNorm);
    }

    private static float[] ones(int length) {
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        return ones;
    }

    private static long residentKilobytes() throws IOException {
        System.gc();
        return Files.readAllLines(Path.of("/proc/self/status"))
            .stream()
            .filter(line -> line.startsWith("VmRSS"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .findFirst()
            .orElseThrow();
    }

    private static float[][] values(Weights weights) {
        float[][] values = new float[weights.parameters().size()][];
        for (int index = 0; index < values.length; index++) {
            FloatBuffer floats = weights.values(index).asFloatBuffer();
            values[index] = new float[floats.remaining()];
            floats.get(values[index]);
        }
        return values;
    }

    private static Weights copy(Weights weights) {
        ByteBuffer[] values = new ByteBuffer[weights.parameters().size()];
        for (int index = 0; index < values.length; index++) {
            ByteBuffer source = weights.values(index);
            values[index] = ByteBuffer.allocateDirect(source.remaining()).put(source).flip();
        }
        return new RandomWeights(weights.parameters(), values);
    }

    private static float[][] zeros(float[][] like) {
        float[][] zeros = new float[like.length][];
        for (int index = 0; index < like.length; index++) {
            zeros[index] = new float[like[index].length];
        }
        return zeros;
    }

    private static double norm(float[][] values) {
        double sum = 0;
        for (float[] part : values) {
            for (float value : part) {
                sum += (double) value * value;
            }
        }
        return Math.sqrt(sum);
    }
}

package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.LoraTarget;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.torch.TorchPolicy.Accumulated;
import dev.d3s.server.policy.torch.TorchPolicy.Coverage;

/** Adapters: their gradients, what they are merged into, and that nothing else is trained. */
class TorchPolicyLoraTest {
    private static final Objective RATIO = new Objective.ClippedRatio(0.2, 0.28, 0.1, 2, 0.8);
    private static final OptimizerStep STEP = new OptimizerStep(0.01, 0.01, 0.9, 0.999, 1e-8, 1);

    @TempDir
    Path directory;

    enum Case {
        ALL_TIED(ModelConfig.qwen2(61, 32, 3, 4, 2, 8, 48, 64, 10_000, 1e-6, true, List.of(0)),
                LoraSettings.of(4, 8)), UNTIED(
                        ModelConfig.qwen2(53, 24, 2, 3, 3, 6, 40, 64, 500_000, 1e-5, false, List.of(0)),
                        new LoraSettings(3, 5, List.of(LoraTarget.UP_PROJ, LoraTarget.V_PROJ, LoraTarget.Q_PROJ),
                                true)), ONE_LAYER(
                                        ModelConfig.qwen2(40, 16, 1, 4, 1, 4, 24, 64, 10_000, 1e-6, true, List.of(0)),
                                        LoraSettings.of(16, 16)), ATTENTION_OUTPUT(
                                                ModelConfig.qwen2(61, 32, 3, 4, 2, 8, 48, 64, 10_000, 1e-6, true,
                                                        List.of(0)),
                                                new LoraSettings(2, 3, List.of(LoraTarget.O_PROJ), false));

        private final ModelConfig config;
        private final LoraSettings lora;

        Case(ModelConfig config, LoraSettings lora) {
            this.config = config;
            this.lora = lora;
        }

        private TorchPolicy open(int workers) {
            return open(new TorchPolicySettings(workers, 1, 100, 4_000));
        }

        private TorchPolicy open(TorchPolicySettings settings) {
            return TorchPolicy.open(config, RandomWeights.of(config, 3),
                    settings.with(new PolicySettings(settings.precision(), lora)), 17);
        }

        private List<TrainingSequence> sequences() {
            return new RandomSequences(config, 5).of(9, 8, 20);
        }
    }

    private static Weights adapters(TorchPolicy policy) {
        return Objects.requireNonNull(policy.adapter()).values();
    }

    /** B is 0 at first, and with it the gradient of A: values that make neither so. */
    private static void randomize(TorchPolicy policy) {
        SplittableRandom random = new SplittableRandom(8);
        Weights adapters = adapters(policy);
        for (int index = 1; index < adapters.parameters().size(); index += 2) {
            FloatBuffer up = adapters.values(index).asFloatBuffer();
            while (up.hasRemaining()) {
                up.put((float) (0.05 * random.nextGaussian()));
            }
        }
    }

    /** W + scaling * B A in fp64, for each parameter of the model. */
    private static double[][] merged(Case model, Weights base, Weights adapters) {
        double[][] merged = new double[base.parameters().size()][];
        for (int index = 0; index < merged.length; index++) {
            FloatBuffer values = base.values(index).asFloatBuffer();
            merged[index] = new double[values.remaining()];
            for (int at = 0; at < merged[index].length; at++) {
                merged[index][at] = values.get(at);
            }
        }
        int next = 0;
        for (int layer = 0; layer < model.config.layers(); layer++) {
            for (LoraTarget target : model.lora.targets()) {
                double[] weight = merged[ParameterLayout.index(model.config, layer, target.part())];
                FloatBuffer down = adapters.values(next++).asFloatBuffer();
                FloatBuffer up = adapters.values(next++).asFloatBuffer();
                int columns = target.columns(model.config);
                for (int row = 0; row < target.rows(model.config); row++) {
                    for (int column = 0; column < columns; column++) {
                        double sum = 0;
                        for (int inner = 0; inner < model.lora.rank(); inner++) {
                            sum += (double) up.get(row * model.lora.rank() + inner)
                                    * down.get(inner * columns + column);
                        }
                        weight[(target.firstRow(model.config) + row) * columns + column] += model.lora.scaling() * sum;
                    }
                }
            }
        }
        return merged;
    }

    private static Weights rounded(List<Parameter> parameters, double[][] values) {
        ByteBuffer[] buffers = new ByteBuffer[values.length];
        for (int index = 0; index < buffers.length; index++) {
            buffers[index] = ByteBuffer.allocateDirect(values[index].length * Float.BYTES)
                .order(ByteOrder.nativeOrder());
            for (double value : values[index]) {
                buffers[index].putFloat((float) value);
            }
            buffers[index].flip();
        }
        return new RandomWeights(parameters, buffers);
    }

    /** The gradients of A and B follow from that of the merged weight: scaling * B^T G and scaling * G A^T. */
    @ParameterizedTest
    @EnumSource
    void shouldHaveTheGradientsOfAnIndependentDecoderWithMergedWeights(Case model) {
        List<TrainingSequence> sequences = model.sequences();
        try (TorchPolicy policy = model.open(2)) {
            randomize(policy);
            Weights base = RandomWeights.of(model.config, 3);
            Weights adapters = adapters(policy);
            Weights whole = rounded(base.parameters(), merged(model, base, adapters));
            Accumulated found = policy.accumulate(sequences, RATIO, Coverage.KEPT);
            float[][] gradients = policy.accumulatedGradients();
            try (NDArrayDecoder oracle = new NDArrayDecoder(model.config, whole)) {
                NDArrayDecoder.Result expected = oracle.gradients(sequences, RATIO);
                assertThat(found.loss()).isCloseTo(expected.loss(), within(1e-5 * Math.abs(expected.loss())));
                List<double[]> chained = chained(model, expected.gradients(), adapters);
                assertThat(gradients).hasNumberOfRows(chained.size());
                for (int index = 0; index < gradients.length; index++) {
                    assertThat(relativeError(gradients[index], chained.get(index)))
                        .as(adapters.parameters().get(index).name())
                        .isLessThan(1e-5);
                }
            }
        }
    }

    private static List<double[]> chained(Case model, double[][] gradients, Weights adapters) {
        List<double[]> chained = new ArrayList<>();
        int rank = model.lora.rank();
        for (int layer = 0; layer < model.config.layers(); layer++) {
            for (LoraTarget target : model.lora.targets()) {
                double[] weight = gradients[ParameterLayout.index(model.config, layer, target.part())];
                FloatBuffer down = adapters.values(chained.size()).asFloatBuffer();
                FloatBuffer up = adapters.values(chained.size() + 1).asFloatBuffer();
                int columns = target.columns(model.config);
                double[] downGradient = new double[rank * columns];
                double[] upGradient = new double[target.rows(model.config) * rank];
                for (int row = 0; row < target.rows(model.config); row++) {
                    for (int column = 0; column < columns; column++) {
                        double gradient = model.lora.scaling()
                                * weight[(target.firstRow(model.config) + row) * columns + column];
                        for (int inner = 0; inner < rank; inner++) {
                            upGradient[row * rank + inner] += gradient * down.get(inner * columns + column);
                            downGradient[inner * columns + column] += gradient * up.get(row * rank + inner);
                        }
                    }
                }
                chained.add(downGradient);
                chained.add(upGradient);
            }
        }
        return chained;
    }

    @ParameterizedTest
    @EnumSource
    void shouldShowMergedWeightsWhereTheyAlwaysAre(Case model) {
        Weights base = RandomWeights.of(model.config, 3);
        try (TorchPolicy policy = model.open(2)) {
            Weights weights = policy.weights();
            long[] addresses = addresses(weights);
            assertThat(values(weights)).as("at first the policy is the model").isDeepEqualTo(values(base));
            for (int update = 0; update < 3; update++) {
                policy.update(model.sequences(), RATIO, STEP);
            }
            assertThat(addresses(policy.weights())).isEqualTo(addresses);
            double[][] expected = merged(model, base, adapters(policy));
            float[][] actual = values(weights);
            int changed = 0;
            for (int index = 0; index < actual.length; index++) {
                for (int at = 0; at < actual[index].length; at++) {
                    assertThat((double) actual[index][at]).isCloseTo(expected[index][at], within(1e-6));
                }
                changed += Arrays.equals(actual[index], values(base)[index]) ? 0 : 1;
            }
            assertThat(changed).as("every weight with an adapter, and no other")
                .isEqualTo(model.config.layers() * model.lora.mergedParts().size());
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldScoreLikeAnIndependentDecoderWithTheMergedWeights(Case model) {
        try (TorchPolicy policy = model.open(2)) {
            for (int update = 0; update < 3; update++) {
                policy.update(model.sequences(), RATIO, STEP);
            }
            try (NDArrayDecoder oracle = new NDArrayDecoder(model.config, policy.weights())) {
                TrainingSequence one = model.sequences().getFirst();
                TokenScores score = policy.score(List.of(one.tokens()), new int[]{one.promptLength()}, 0.7).getFirst();
                TokenScores expected = oracle.score(one.tokens(), one.promptLength(), 0.7);
                assertThat(score.logprobs()).containsExactly(expected.logprobs(), within(1e-5f));
                assertThat(score.entropies()).containsExactly(expected.entropies(), within(1e-5f));
            }
        }
    }

    @Test
    void shouldScoreTheModelWithoutItsAdapters() {
        Case model = Case.ALL_TIED;
        TrainingSequence one = model.sequences().getFirst();
        List<int[]> tokens = List.of(one.tokens());
        int[] prompt = {one.promptLength()};
        try (TorchPolicy policy = model.open(2);
                ReferencePolicy reference = Objects.requireNonNull(policy.withoutAdapter())) {
            float[] first = policy.score(tokens, prompt, 1).getFirst().logprobs();
            assertThat(reference.score(tokens, prompt, 1).getFirst().logprobs()).containsExactly(first, within(1e-5f));
            float[] frozen = reference.score(tokens, prompt, 1).getFirst().logprobs();
            policy.update(model.sequences(), RATIO, STEP);
            assertThat(reference.score(tokens, prompt, 1).getFirst().logprobs()).isEqualTo(frozen);
            assertThat(policy.score(tokens, prompt, 1).getFirst().logprobs()).isNotEqualTo(first);
        }
        try (TorchPolicy whole = TorchPolicy.open(model.config, RandomWeights.of(model.config, 3),
                new TorchPolicySettings(1, 1, 100, 4_000))) {
            assertThat(whole.withoutAdapter()).isNull();
            assertThat(whole.adapter()).isNull();
        }
    }

    @Test
    void shouldBeginAsThePeftLibraryDoes() {
        Case model = Case.ALL_TIED;
        try (TorchPolicy policy = model.open(1);
                TorchPolicy same = model.open(1);
                TorchPolicy other = TorchPolicy.open(model.config, RandomWeights.of(model.config, 3),
                        new TorchPolicySettings(1, 1, 100, 4_000).with(new PolicySettings(Precision.FP32, model.lora)),
                        18)) {
            Weights adapters = adapters(policy);
            assertThat(adapters.parameters().getFirst().name())
                .isEqualTo("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
            assertThat(adapters.parameters().getLast().name())
                .isEqualTo("base_model.model.model.layers.2.mlp.down_proj.lora_B.weight");
            float[][] values = values(adapters);
            for (int index = 0; index < values.length; index += 2) {
                double bound = 1 / Math.sqrt((double) adapters.parameters().get(index).shape()[1]);
                double squares = 0;
                for (float value : values[index]) {
                    assertThat((double) value).isBetween(-bound, bound);
                    squares += value * value;
                }
                // uniform: its variance is a third of the bound's square
                assertThat(squares / values[index].length).isBetween(0.6 * bound * bound / 3, 1.4 * bound * bound / 3);
                assertThat(values[index + 1]).containsOnly(0);
            }
            assertThat(values(adapters(same))).isDeepEqualTo(values);
            assertThat(values(adapters(other))[0]).isNotEqualTo(values[0]);
        }
    }

    @Test
    void shouldContinueBitForBitFromASavedOptimizer() throws IOException {
        Case model = Case.ALL_TIED;
        try (TorchPolicy policy = model.open(2); TorchPolicy resumed = model.open(2)) {
            for (int update = 0; update < 3; update++) {
                policy.update(model.sequences(), RATIO, STEP);
            }
            policy.saveOptimizer(directory);
            resumed.loadOptimizer(directory);
            assertThat(values(resumed.weights())).isDeepEqualTo(values(policy.weights()));
            for (int update = 0; update < 3; update++) {
                policy.update(model.sequences(), RATIO, STEP);
                resumed.update(model.sequences(), RATIO, STEP);
            }
            assertThat(values(resumed.weights())).isDeepEqualTo(values(policy.weights()));
            assertThat(values(adapters(resumed))).isDeepEqualTo(values(adapters(policy)));
            assertThat(resumed.version()).isEqualTo(6);
        }
    }

    @Test
    void shouldLearnSequencesByHeart() {
        Case model = Case.ALL_TIED;
        List<TrainingSequence> rows = new RandomSequences(model.config, 3).withoutOld()
            .withoutRollout()
            .withoutReference()
            .keeping(1)
            .of(4, 3, 12);
        Objective crossEntropy = new Objective.CrossEntropy();
        try (TorchPolicy policy = model.open(1)) {
            double before = policy.update(rows, crossEntropy, OptimizerStep.of(0.02)).loss();
            double after = before;
            for (int count = 0; count < 100; count++) {
                after = policy.update(rows, crossEntropy, OptimizerStep.of(0.02)).loss();
            }
            assertThat(after).isLessThan(0.4 * before);
        }
    }

    /** Recomputing a layer repeats its operations: the same bits. */
    @ParameterizedTest
    @EnumSource
    void shouldComputeTheSameBitsWithActivationCheckpointing(Case model) {
        for (PolicySettings trained : List.of(PolicySettings.DEFAULT, new PolicySettings(Precision.BF16, null),
                new PolicySettings(Precision.FP32, model.lora), new PolicySettings(Precision.BF16, model.lora))) {
            TorchPolicySettings settings = new TorchPolicySettings(2, 1, 100, 4_000).with(trained);
            float[][] whole = gradients(model, settings.with(ActivationCheckpointing.NONE));
            assertThat(gradients(model, settings.with(ActivationCheckpointing.LAYER))).as(trained.toString())
                .isDeepEqualTo(whole);
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldStayNearFp32InBf16(Case model) {
        for (PolicySettings trained : List.of(PolicySettings.DEFAULT, new PolicySettings(Precision.FP32, model.lora))) {
            TorchPolicySettings settings = new TorchPolicySettings(2, 1, 100, 4_000).with(trained);
            float[][] exact = gradients(model, settings);
            float[][] rough = gradients(model, settings.with(new PolicySettings(Precision.BF16, trained.lora())));
            double norm = 0;
            double difference = 0;
            for (int index = 0; index < exact.length; index++) {
                for (int at = 0; at < exact[index].length; at++) {
                    norm += exact[index][at] * exact[index][at];
                    difference += Math.pow(exact[index][at] - rough[index][at], 2);
                }
            }
            // bf16 has 8 bits: a factor is rounded by up to 2^-9, and errors of many factors partly cancel
            assertThat(Math.sqrt(difference / norm)).isBetween(1e-5, 0.03);
        }
    }

    private static float[][] gradients(Case model, TorchPolicySettings settings) {
        try (TorchPolicy policy = TorchPolicy.open(model.config, RandomWeights.of(model.config, 3), settings, 17)) {
            if (settings.lora() != null) {
                randomize(policy);
            }
            policy.accumulate(model.sequences(), RATIO, Coverage.KEPT);
            return policy.accumulatedGradients();
        }
    }

    private static long[] addresses(Weights weights) {
        long[] addresses = new long[weights.parameters().size()];
        for (int index = 0; index < addresses.length; index++) {
            addresses[index] = MemorySegment.ofBuffer(weights.values(index)).address();
        }
        return addresses;
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

package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.PaperDecoder;
import dev.d3s.server.model.PaperModel;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.torch.TorchPolicy;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.onnx.OnnxRolloutEngine;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;

/** Every family, from a directory to both engines and back, against {@link PaperDecoder}. */
class ModelFamiliesTest {
    private static final double TOLERANCE = 1e-4;
    private static final double TEMPERATURE = 0.9;
    private static final int POSITIONS = 160;

    @TempDir
    Path home;

    private Path base;

    @BeforeEach
    void directory() {
        base = home.resolve("base");
    }

    @ParameterizedTest
    @EnumSource
    void shouldGenerateAndScoreWhatTheModelSays(PaperModel family) throws IOException {
        family.write(base, 1);
        assertThat(ModelDirectory.check(base)).isEmpty();
        PaperDecoder expected = new PaperDecoder(base);
        SplittableRandom random = new SplittableRandom(2);
        List<GenerationRequest> requests = List.of(
                new GenerationRequest(random.ints(90, 3, 290).toArray(), new long[]{1, 2}),
                new GenerationRequest(random.ints(5, 3, 290).toArray(), new long[]{3, 4, 5}));
        try (HuggingFaceModel model = ModelDirectory.open(base)) {
            for (RefreshMode mode : RefreshMode.values()) {
                try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(model.config(), model.weights(),
                        new OnnxRolloutSettings(1, 1, 4, POSITIONS, mode, 0))) {
                    for (CompletionGroup group : engine.generate(requests, SamplingSettings.of(30, TEMPERATURE, 3),
                            GenerationListener.NONE)) {
                        for (Completion completion : group.completions()) {
                            int[] tokens = sequence(group.prompt(), completion.tokens());
                            Expected wanted = Expected.of(expected, tokens, group.prompt().length);
                            wanted.assertClose(completion.logprobs(), completion.entropies());
                            wanted.assertClose(engine.score(tokens, group.prompt().length, TEMPERATURE));
                        }
                    }
                }
            }
        }
    }

    /** The rollout engine reads such a prompt in pieces, and positions go far beyond the original context. */
    @Test
    void shouldExtendLongPromptsWithScaledFrequencies() throws IOException {
        PaperModel.LLAMA3.write(base, 1);
        PaperDecoder expected = new PaperDecoder(base);
        int[] prompt = new SplittableRandom(4).ints(1_100, 3, 290).toArray();
        try (HuggingFaceModel model = ModelDirectory.open(base);
                TorchPolicy policy = TorchPolicy.open(model.config(), model.weights(), settings());
                OnnxRolloutEngine engine = OnnxRolloutEngine.open(model.config(), policy.weights(),
                        new OnnxRolloutSettings(1, 1, 1, 1_200, RefreshMode.RECREATE, 0))) {
            Completion completion = engine
                .generate(List.of(new GenerationRequest(prompt, new long[]{1})),
                        SamplingSettings.of(12, TEMPERATURE, 3), GenerationListener.NONE)
                .getFirst()
                .completions()
                .getFirst();
            int[] tokens = sequence(prompt, completion.tokens());
            Expected wanted = Expected.of(expected, tokens, prompt.length);
            wanted.assertClose(completion.logprobs(), completion.entropies());
            wanted.assertClose(policy.score(List.of(tokens), new int[]{prompt.length}, TEMPERATURE).getFirst());
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldTrainAlongTheModelsGradientAndWriteWhatItTrained(PaperModel family) throws IOException {
        family.write(base, 1);
        int[] tokens = new SplittableRandom(5).ints(70, 3, 290).toArray();
        int prompt = 40;
        float[] weight = new float[tokens.length - prompt];
        Arrays.fill(weight, 0.02f);
        Path trained = home.resolve("trained");
        try (HuggingFaceModel model = ModelDirectory.open(base);
                TorchPolicy policy = TorchPolicy.open(model.config(), model.weights(), settings());
                OnnxRolloutEngine engine = OnnxRolloutEngine.open(model.config(), policy.weights(),
                        new OnnxRolloutSettings(1, 1, 1, POSITIONS, RefreshMode.IN_PLACE, 0))) {
            Expected.of(new PaperDecoder(base), tokens, prompt)
                .assertClose(policy.score(List.of(tokens), new int[]{prompt}, TEMPERATURE).getFirst());
            // With an epsilon that dwarfs the gradient g, the first AdamW step is a step of -g / 2.
            double epsilon = 1e6;
            policy.update(List.of(new TrainingSequence(tokens, prompt, 1, weight, null, null, null)),
                    new Objective.CrossEntropy(), new OptimizerStep(epsilon / 2, 0, 0.9, 0.999, epsilon,
                            Double.POSITIVE_INFINITY));
            ModelDirectory.write(trained, model.config(), policy.weights(), base);
            assertThat(ModelDirectory.check(trained)).isEmpty();
            assertThat(ModelDirectory.config(trained)).isEqualTo(model.config());
            Expected wanted = Expected.of(new PaperDecoder(trained), tokens, prompt);
            wanted.assertClose(policy.score(List.of(tokens), new int[]{prompt}, TEMPERATURE).getFirst());
            // it computes on the trainer's memory, and must not have folded any of it away
            engine.refresh();
            wanted.assertClose(engine.score(tokens, prompt, TEMPERATURE));
        }
        shouldBeGradients(new PaperDecoder(base), new PaperDecoder(trained).tensors(), tokens, prompt, weight);
    }

    /** Compares, for each tensor, the slope of the loss along a random direction with what the step says it is. */
    private static void shouldBeGradients(PaperDecoder model, Map<String, double[]> after, int[] tokens, int prompt,
            float[] weight) {
        SplittableRandom random = new SplittableRandom(6);
        double distance = 1e-4;
        assertThat(after).hasSameSizeAs(model.tensors());
        for (Map.Entry<String, double[]> tensor : model.tensors().entrySet()) {
            double[] values = tensor.getValue();
            double[] stepped = after.getOrDefault(tensor.getKey(), new double[0]);
            double[] start = values.clone();
            double[] direction = random.doubles(values.length, -1, 1).toArray();
            double slope = 0;
            double norm = 0;
            for (int at = 0; at < values.length; at++) {
                double gradient = -2 * (stepped[at] - start[at]);
                slope += gradient * direction[at];
                norm += gradient * gradient;
                values[at] = start[at] + distance * direction[at];
            }
            double above = loss(model, tokens, prompt, weight);
            for (int at = 0; at < values.length; at++) {
                values[at] = start[at] - distance * direction[at];
            }
            double below = loss(model, tokens, prompt, weight);
            System.arraycopy(start, 0, values, 0, values.length);
            assertThat(norm).as(tensor.getKey()).isPositive();
            assertThat(slope).as(tensor.getKey())
                .isCloseTo((above - below) / (2 * distance), within(1e-4 * Math.sqrt(norm)));
        }
    }

    private static double loss(PaperDecoder model, int[] tokens, int prompt, float[] weight) {
        double[][] rows = model.logprobs(Arrays.copyOf(tokens, tokens.length - 1), prompt - 1, 1);
        double loss = 0;
        for (int token = 0; token < rows.length; token++) {
            loss -= weight[token] * rows[token][tokens[prompt + token]];
        }
        return loss;
    }

    /**
     * What a model says of a sequence's completion.
     *
     * @param rows {@code [completion][V]} log-probabilities
     */
    private record Expected(int[] completion, double[][] rows) {
        static Expected of(PaperDecoder model, int[] tokens, int prompt) {
            return new Expected(Arrays.copyOfRange(tokens, prompt, tokens.length),
                    model.logprobs(Arrays.copyOf(tokens, tokens.length - 1), prompt - 1, TEMPERATURE));
        }

        void assertClose(TokenScores scores) {
            assertClose(scores.logprobs(), scores.entropies());
        }

        void assertClose(float[] logprobs, float[] entropies) {
            assertThat(logprobs).hasSameSizeAs(rows);
            for (int token = 0; token < rows.length; token++) {
                double entropy = Arrays.stream(rows[token]).map(logprob -> -Math.exp(logprob) * logprob).sum();
                assertThat((double) logprobs[token]).isCloseTo(rows[token][completion[token]], within(TOLERANCE));
                assertThat((double) entropies[token]).isCloseTo(entropy, within(TOLERANCE));
            }
        }
    }

    private static int[] sequence(int[] prompt, int[] completion) {
        int[] sequence = Arrays.copyOf(prompt, prompt.length + completion.length);
        System.arraycopy(completion, 0, sequence, prompt.length, completion.length);
        return sequence;
    }

    private static TorchPolicySettings settings() {
        return new TorchPolicySettings(1, 1, 10_000, 1 << 20);
    }
}

package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.wiring.OnnxTorchEngines;

/**
 * The two engines compute the same policy: what the rollout engine says of the tokens it samples is what the trainer says of
 * them, at the start and after every update.
 */
class EngineParityTest {
    private static final double TEMPERATURE = 0.8;
    private static final float TOLERANCE = 1e-4f;

    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource
    void shouldAgreeOnLogprobsAndEntropies(RefreshMode mode) throws Exception {
        ExampleModels.bytes(directory, 3);
        OnnxTorchEngines engines = new OnnxTorchEngines(2);
        try (HuggingFaceModel model = ModelDirectory.open(directory);
                Policy policy = engines.policy(model.config(), model.weights(), PolicySettings.DEFAULT, 1);
                RolloutEngine rollouts = engines.rollouts(model.config(), policy.weights(), 96, 10_000, mode)) {
            float first = policy.weights().values(0).asFloatBuffer().get(0);
            for (int update = 0; update < 3; update++) {
                List<TrainingSequence> sequences = new ArrayList<>();
                for (CompletionGroup group : rollouts.generate(requests(), SamplingSettings.of(40, TEMPERATURE, update),
                        GenerationListener.NONE)) {
                    for (Completion completion : group.completions()) {
                        int[] tokens = Arrays.copyOf(group.prompt(), group.prompt().length + completion.length());
                        System.arraycopy(completion.tokens(), 0, tokens, group.prompt().length, completion.length());
                        int prompt = group.prompt().length;
                        TokenScores scores = policy.score(List.of(tokens), new int[]{prompt}, TEMPERATURE).getFirst();
                        assertClose(completion.logprobs(), scores.logprobs());
                        assertClose(completion.entropies(), scores.entropies());
                        float[] weight = new float[completion.length()];
                        Arrays.fill(weight, 0.01f);
                        sequences.add(new TrainingSequence(tokens, prompt, sequences.size() % 2 == 0 ? 1 : -1, weight,
                                completion.logprobs(), null, null));
                    }
                }
                UpdateReport report = policy.update(sequences, new Objective.ClippedRatio(0.2, 0.28, 0, 2, TEMPERATURE),
                        OptimizerStep.of(3e-3));
                assertThat(report.engineGapMax()).isPositive().isLessThan(TOLERANCE);
                rollouts.refresh();
            }
            assertThat(policy.weights().values(0).asFloatBuffer().get(0)).as("the weights moved").isNotEqualTo(first);
        }
    }

    /** Ragged prompts, groups that share them. */
    private static List<GenerationRequest> requests() {
        SplittableRandom random = new SplittableRandom(5);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int length : new int[]{1, 7, 30, 56}) {
            requests.add(new GenerationRequest(random.ints(length, 2, 258).toArray(), random.longs(3).toArray()));
        }
        return requests;
    }

    private static void assertClose(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int token = 0; token < actual.length; token++) {
            assertThat(actual[token]).isCloseTo(expected[token], within(TOLERANCE));
        }
    }
}

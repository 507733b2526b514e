package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.SamplingSettings;

class OnnxRolloutEngineTest {
    @ParameterizedTest
    @CsvSource({"35, true, 1.0", "259, false, 0.7", "64, true, 1.3", "35, false, 1.0"})
    void shouldReportTheLogprobsAndEntropiesOfTheReference(int vocabulary, boolean tied, double temperature) {
        ModelConfig config = Fixtures.config(vocabulary, tied);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        ReferenceDecoder reference = new ReferenceDecoder(config, weights);
        List<GenerationRequest> requests = Fixtures.requests(6, 3, 9, vocabulary, 2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(1, 8, RefreshMode.RECREATE))) {
            List<CompletionGroup> groups = engine.generate(requests, SamplingSettings.of(20, temperature, 7),
                    GenerationListener.NONE);

            for (CompletionGroup group : groups) {
                for (Completion completion : group.completions()) {
                    int[] sequence = Fixtures.sequence(group.prompt(), completion);
                    double[][] expected = reference.logprobs(sequence, temperature);
                    TokenScores scores = engine.score(sequence, group.prompt().length, temperature);
                    for (int t = 0; t < completion.length(); t++) {
                        double[] row = expected[group.prompt().length + t - 1];
                        assertThat((double) completion.logprobs()[t]).isCloseTo(row[completion.tokens()[t]],
                                within(1e-4));
                        assertThat((double) completion.entropies()[t]).isCloseTo(ReferenceDecoder.entropy(row),
                                within(1e-4));
                        assertThat(scores.logprobs()[t]).isCloseTo(completion.logprobs()[t], within(1e-4f));
                        assertThat(scores.entropies()[t]).isCloseTo(completion.entropies()[t], within(1e-4f));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(RefreshMode.class)
    void shouldGiveTheSameBitsHoweverTheWorkIsBatched(RefreshMode mode) {
        ModelConfig config = Fixtures.config(35, true);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        List<GenerationRequest> requests = Fixtures.requests(12, 5, 11, 35, 3);
        SamplingSettings sampling = SamplingSettings.of(24, 1, 9);
        List<Completion> expected;
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights, Fixtures.settings(1, 1, mode))) {
            expected = Fixtures.completions(engine.generate(Fixtures.separated(requests), sampling,
                    GenerationListener.NONE));
        }
        for (int[] shape : new int[][]{{1, 1}, {1, 2}, {1, 3}, {1, 7}, {1, 64}, {2, 4}, {3, 16}}) {
            try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                    Fixtures.settings(shape[0], shape[1], mode))) {
                assertThat(Fixtures.completions(engine.generate(requests, sampling, GenerationListener.NONE)))
                    .as("%d workers, %d slots, shared prefixes", shape[0], shape[1])
                    .usingRecursiveComparison()
                    .isEqualTo(expected);
                assertThat(Fixtures.completions(engine.generate(Fixtures.separated(requests), sampling,
                        GenerationListener.NONE)))
                    .as("%d workers, %d slots", shape[0], shape[1])
                    .usingRecursiveComparison()
                    .isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"35, IN_PLACE", "35, RECREATE", "259, RECREATE", "640, IN_PLACE", "640, RECREATE"})
    void shouldGiveEachRowTheSameBitsWhereverItStands(int vocabulary, RefreshMode mode) {
        ModelConfig config = new ModelConfig(vocabulary, 128, 2, 4, 2, 32, 336, 512, 10_000, 1e-6, true, List.of(3));
        RandomWeights weights = new RandomWeights(config, 1, 0.06);
        int[] prompt = Fixtures.requests(1, 1, 30, vocabulary, 4).getFirst().prompt();
        for (SamplingSettings sampling : List.of(SamplingSettings.of(100, 1, 9),
                new SamplingSettings(40, 1.2, 0.9, 30, 0.001, 9))) {
            Completion expected = null;
            for (int rows : new int[]{2, 3, 4, 5, 6, 7, 8, 9, 13, 17}) {
                long[] identities = new long[rows];
                Arrays.fill(identities, 77);
                try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                        new OnnxRolloutSettings(1, 1, rows, 160, mode, 0))) {
                    List<Completion> completions = Fixtures.completions(engine.generate(
                            List.of(new GenerationRequest(prompt, identities)), sampling, GenerationListener.NONE));
                    expected = expected == null ? completions.getFirst() : expected;
                    for (int row = 0; row < rows; row++) {
                        assertThat(completions.get(row)).as("row %d of %d", row, rows)
                            .usingRecursiveComparison()
                            .isEqualTo(expected);
                    }
                }
            }
        }
    }
}

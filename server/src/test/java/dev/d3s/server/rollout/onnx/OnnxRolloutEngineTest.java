package dev.d3s.server.rollout.onnx;

import static dev.d3s.server.rollout.GenerationListener.NONE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

class OnnxRolloutEngineTest {
    @ParameterizedTest
    @CsvSource({"35, true, 1.0", "259, false, 0.7", "64, true, 1.3", "35, false, 1.0", "151936, true, 1.0"})
    void shouldReportTheLogprobsAndEntropiesOfTheReference(int vocabulary, boolean tied, double temperature) {
        ModelConfig config = Fixtures.config(vocabulary, tied);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        ReferenceDecoder reference = new ReferenceDecoder(config, weights);
        List<GenerationRequest> requests = Fixtures.requests(6, 3, 9, vocabulary, 2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(1, 8, RefreshMode.RECREATE))) {
            List<CompletionGroup> groups = engine.generate(requests, SamplingSettings.of(20, temperature, 7),
                    NONE);

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
                    NONE));
        }
        for (int[] shape : new int[][]{{1, 1}, {1, 2}, {1, 3}, {1, 7}, {1, 64}, {2, 4}, {3, 16}}) {
            try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                    Fixtures.settings(shape[0], shape[1], mode))) {
                assertThat(Fixtures.completions(engine.generate(requests, sampling, NONE)))
                    .as("%d workers, %d slots, shared prefixes", shape[0], shape[1])
                    .usingRecursiveComparison()
                    .isEqualTo(expected);
                assertThat(Fixtures.completions(engine.generate(Fixtures.separated(requests), sampling,
                        NONE)))
                    .as("%d workers, %d slots", shape[0], shape[1])
                    .usingRecursiveComparison()
                    .isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"35, IN_PLACE", "35, RECREATE", "259, RECREATE", "640, IN_PLACE", "640, RECREATE"})
    void shouldGiveEachRowTheSameBitsWhereverItStands(int vocabulary, RefreshMode mode) {
        ModelConfig config = ModelConfig.qwen2(vocabulary, 128, 2, 4, 2, 32, 336, 512, 10_000, 1e-6, true, List.of(3));
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
                            List.of(new GenerationRequest(prompt, identities)), sampling, NONE));
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

    @ParameterizedTest
    @EnumSource(RefreshMode.class)
    void shouldSeeNewWeightsAfterRefresh(RefreshMode mode) {
        ModelConfig config = Fixtures.config(35, false);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        List<GenerationRequest> requests = Fixtures.requests(4, 2, 6, 35, 1);
        SamplingSettings sampling = SamplingSettings.of(12, 1, 2);
        SamplingSettings truncated = new SamplingSettings(12, 1, 0.9, 0, 0, 2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights, Fixtures.settings(1, 4, mode))) {
            List<Completion> before = Fixtures.completions(engine.generate(requests, sampling, NONE));
            engine.generate(requests, truncated, NONE);
            weights.fill(2);
            engine.refresh();
            List<Completion> after = Fixtures.completions(engine.generate(requests, sampling, NONE));
            List<Completion> afterTruncated = Fixtures.completions(engine.generate(requests, truncated, NONE));
            List<Completion> expected;
            List<Completion> expectedTruncated;
            try (OnnxRolloutEngine fresh = OnnxRolloutEngine.open(config, new RandomWeights(config, 2, 0.2),
                    Fixtures.settings(1, 4, mode))) {
                expected = Fixtures.completions(fresh.generate(requests, sampling, NONE));
                expectedTruncated = Fixtures.completions(fresh.generate(requests, truncated, NONE));
            }
            weights.fill(1);
            engine.refresh();

            assertThat(engine.refreshMode()).isEqualTo(mode);
            assertThat(after).usingRecursiveComparison().isEqualTo(expected);
            assertThat(afterTruncated).usingRecursiveComparison().isEqualTo(expectedTruncated);
            assertThat(before).usingRecursiveComparison().isNotEqualTo(after);
            assertThat(Fixtures.completions(engine.generate(requests, sampling, NONE))).usingRecursiveComparison()
                .isEqualTo(before);
        }
    }

    @Test
    void shouldMeasureBothRefreshModesAndTakeTheCheaper() {
        ModelConfig config = Fixtures.config(35, true);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        for (long expected : new long[]{0, Long.MAX_VALUE}) {
            try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                    new OnnxRolloutSettings(1, 1, 4, 64, null, expected))) {
                RefreshMeasurement measurement = Objects.requireNonNull(engine.refreshMeasurement());

                assertThat(measurement.inPlaceTokensPerSecond()).isPositive();
                assertThat(measurement.recreatedTokensPerSecond()).isPositive();
                assertThat(measurement.recreateSeconds()).isPositive();
                assertThat(engine.refreshMode()).isEqualTo(measurement.chosen())
                    .isEqualTo(expected > measurement.breakEvenTokens()
                            ? RefreshMode.RECREATE
                            : RefreshMode.IN_PLACE);
            }
        }
    }

    @Test
    void shouldEndAtAnEndOfSequenceTokenOrAtTheLimit() {
        ModelConfig config = Fixtures.config(35, true);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(1, 8, RefreshMode.RECREATE))) {
            List<Completion> completions = Fixtures.completions(engine.generate(
                    Fixtures.requests(20, 3, 6, 35, 1), SamplingSettings.of(25, 1, 2), NONE));

            assertThat(completions).extracting(Completion::finishReason)
                .contains(FinishReason.STOP,
                        FinishReason.LENGTH);
            for (Completion completion : completions) {
                int[] tokens = completion.tokens();
                boolean stopped = completion.finishReason() == FinishReason.STOP;
                assertThat(Arrays.stream(tokens, 0, tokens.length - 1).noneMatch(config::endsSequence)).isTrue();
                assertThat(config.endsSequence(tokens[tokens.length - 1])).isEqualTo(stopped);
                assertThat(stopped || tokens.length == 25).isTrue();
                assertThat(completion.logprobs()).hasSameSizeAs(tokens);
                assertThat(completion.entropies()).hasSameSizeAs(tokens);
            }
        }
    }

    @Test
    void shouldFillTheContextToItsLastPositionAndRefuseLongerPrompts() {
        ModelConfig config = endless(35, 64);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(1, 2, RefreshMode.RECREATE))) {
            SamplingSettings sampling = SamplingSettings.of(100, 1, 2);
            for (int length : new int[]{1, 40, 62, 63}) {
                int[] prompt = new int[length];
                Completion completion = engine
                    .generate(List.of(new GenerationRequest(prompt, new long[]{1})), sampling, NONE)
                    .getFirst()
                    .completions()
                    .getFirst();

                assertThat(completion.length()).isEqualTo(64 - length);
                assertThat(completion.finishReason()).isEqualTo(FinishReason.LENGTH);
                TokenScores scores = engine.score(Fixtures.sequence(prompt, completion), length, 1);
                assertThat(scores.logprobs()[63 - length]).isCloseTo(completion.logprobs()[63 - length],
                        within(1e-4f));
            }
            assertThatThrownBy(() -> engine.generate(
                    List.of(new GenerationRequest(new int[64], new long[]{1})), sampling, NONE))
                .isInstanceOf(D3sException.class)
                .hasMessageContaining("64 tokens")
                .extracting(e -> ((D3sException) e).category())
                .isEqualTo(ErrorCategory.USER);
            assertThatThrownBy(() -> engine.generate(
                    List.of(new GenerationRequest(new int[]{35}, new long[]{1})), sampling, NONE))
                .isInstanceOf(D3sException.class)
                .hasMessageContaining("35");
        }
    }

    @Test
    void shouldPrefillPromptsThatAreLongerThanAChunk() {
        ModelConfig config = endless(64, 4096);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        int[] prompt = new SplittableRandom(3).ints(DecodeWorker.CHUNK + 301, 0, 64).toArray();
        GenerationRequest shared = new GenerationRequest(prompt, new long[]{1, 2, 3});
        SamplingSettings sampling = SamplingSettings.of(4, 1, 2);
        OnnxRolloutSettings settings = new OnnxRolloutSettings(1, 1, 2, 1400, RefreshMode.RECREATE, 0);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights, settings)) {
            List<CompletionGroup> groups = engine.generate(List.of(shared), sampling, NONE);
            int[] sequence = Fixtures.sequence(prompt, groups.getFirst().completions().get(2));
            double[][] expected = new ReferenceDecoder(config, weights).logprobs(sequence, 1);
            Completion completion = groups.getFirst().completions().get(2);
            TokenScores scores = engine.score(sequence, prompt.length, 1);
            for (int t = 0; t < 4; t++) {
                double logprob = expected[prompt.length + t - 1][completion.tokens()[t]];
                assertThat((double) completion.logprobs()[t]).isCloseTo(logprob, within(1e-4));
                assertThat((double) scores.logprobs()[t]).isCloseTo(logprob, within(1e-4));
            }
            assertThat(Fixtures.completions(engine.generate(Fixtures.separated(List.of(shared)), sampling, NONE)))
                .usingRecursiveComparison()
                .isEqualTo(groups.getFirst().completions());
        }
    }

    @Test
    void shouldReportTokensAndGroupsAndStopWhatTheListenerDoesNotWant() {
        ModelConfig config = endless(35, 64);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        List<GenerationRequest> requests = Fixtures.requests(6, 4, 6, 35, 1);
        Map<String, List<Integer>> heard = new ConcurrentHashMap<>();
        Map<Integer, CompletionGroup> finished = new ConcurrentHashMap<>();
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(2, 3, RefreshMode.RECREATE))) {
            List<CompletionGroup> groups = engine.generate(requests, SamplingSettings.of(20, 1, 2),
                    new GenerationListener() {
                        @Override
                        public boolean token(int request, int completion, int token, float logprob) {
                            List<Integer> tokens = heard.computeIfAbsent(request + "/" + completion,
                                    key -> new ArrayList<>());
                            tokens.add(token);
                            return request != 2 || tokens.size() < 5;
                        }

                        @Override
                        public void finished(int request, CompletionGroup group) {
                            finished.put(request, group);
                        }
                    });

            for (int i = 0; i < 6; i++) {
                assertThat(finished.get(i)).isSameAs(groups.get(i));
                for (int j = 0; j < 4; j++) {
                    Completion completion = groups.get(i).completions().get(j);
                    assertThat(heard.get(i + "/" + j))
                        .containsExactlyElementsOf(Arrays.stream(completion.tokens()).boxed().toList())
                        .hasSize(i == 2 ? 5 : 20);
                    assertThat(completion.finishReason())
                        .isEqualTo(i == 2 ? FinishReason.CANCELLED : FinishReason.LENGTH);
                }
            }
        }
    }

    @Test
    void shouldAbandonACancelledCallAndWorkAgain() {
        ModelConfig config = endless(35, 64);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        List<GenerationRequest> requests = Fixtures.requests(6, 4, 6, 35, 1);
        SamplingSettings sampling = SamplingSettings.of(20, 1, 2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(2, 3, RefreshMode.RECREATE))) {
            List<CompletionGroup> expected = engine.generate(requests, sampling, NONE);
            AtomicInteger tokens = new AtomicInteger();
            assertThatThrownBy(() -> engine.generate(requests, sampling, new GenerationListener() {
                @Override
                public boolean token(int request, int completion, int token, float logprob) {
                    tokens.incrementAndGet();
                    return true;
                }

                @Override
                public boolean cancelled() {
                    return tokens.get() >= 50;
                }
            })).isInstanceOf(CancellationException.class);
            assertThat(tokens.get()).isBetween(50, 100);
            assertThatThrownBy(() -> engine.generate(requests, sampling, new GenerationListener() {
                @Override
                public boolean token(int request, int completion, int token, float logprob) {
                    throw new IllegalStateException("a listener's mistake");
                }
            })).isInstanceOf(IllegalStateException.class).hasMessage("a listener's mistake");
            assertThat(engine.generate(requests, sampling, NONE)).usingRecursiveComparison().isEqualTo(expected);
        }
    }

    @Test
    void shouldRefuseAModelWhoseWeightsAreNotNumbers() {
        ModelConfig config = Fixtures.config(35, true);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        weights.writable("model.norm.weight").put(0, Float.NaN);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(1, 3, RefreshMode.IN_PLACE))) {
            assertThatThrownBy(() -> engine.generate(Fixtures.requests(1, 2, 3, 35, 1), SamplingSettings.of(2, 1, 2),
                    NONE))
                .isInstanceOf(D3sException.class)
                .hasMessageContaining("diverged");
        }
    }

    /** Native memory is what can leak here: the heap is collected, tensors and sessions are not. */
    @Test
    void shouldKeepNativeMemoryFlat() throws IOException {
        ModelConfig config = Fixtures.config(640, true);
        RandomWeights weights = new RandomWeights(config, 1, 0.2);
        SamplingSettings sampling = SamplingSettings.of(20, 1, 2);
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                Fixtures.settings(2, 8, RefreshMode.RECREATE))) {
            long settled = 0;
            for (int round = 0; round < 200; round++) {
                if (round == 60) {
                    settled = residentKibibytes();
                }
                List<CompletionGroup> groups = engine.generate(Fixtures.requests(6, 3, 30, 640, round % 10), sampling,
                        NONE);
                engine.score(groups.getFirst().prompt(), 1, 1);
                engine.generate(Fixtures.requests(1, 2, 5, 640, round % 10),
                        new SamplingSettings(3, 1, 0.9, 20, 0, 1), NONE);
                engine.refresh();
            }
            // Each round makes two sessions with 120 KiB of packed weights each: a leaked one would show as 30 MiB.
            assertThat(residentKibibytes() - settled).isLessThan(12 * 1024);
        }
    }

    private static long residentKibibytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        Assumptions.assumeTrue(Files.exists(status), "needs /proc");
        System.gc();
        return Files.readAllLines(status)
            .stream()
            .filter(line -> line.startsWith("VmRSS"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .findFirst()
            .orElseThrow();
    }

    /** A model whose end-of-sequence token is outside its vocabulary. */
    private static ModelConfig endless(int vocabulary, int context) {
        return ModelConfig.qwen2(vocabulary, 32, 2, 4, 2, 16, 48, context, 10_000, 1e-6, true, List.of(vocabulary));
    }
}

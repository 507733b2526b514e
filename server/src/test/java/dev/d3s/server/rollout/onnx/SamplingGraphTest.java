package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;

/** What is drawn, seen from outside: many first tokens of one prompt against the reference's distribution. */
class SamplingGraphTest {
    private static final int DRAWS = 20_000;
    private static final int[] PROMPT = {5, 9, 4};

    private final RefreshMode mode = RefreshMode.RECREATE;

    private static double[] reference(ModelConfig config, RandomWeights weights, double temperature) {
        return new ReferenceDecoder(config, weights).logprobs(PROMPT, temperature)[PROMPT.length - 1];
    }

    private List<Completion> draw(ModelConfig config, RandomWeights weights, SamplingSettings sampling, int count) {
        long[] identities = IntStream.range(0, count).mapToLong(i -> RolloutIdentity.of(1, 2, i)).toArray();
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights, Fixtures.settings(1, 32, mode))) {
            return Fixtures.completions(engine.generate(List.of(new GenerationRequest(PROMPT, identities)), sampling,
                    GenerationListener.NONE));
        }
    }

    @ParameterizedTest
    @CsvSource({"35, 1.0", "35, 0.5", "300, 1.5"})
    void shouldDrawFromTheTemperedDistribution(int vocabulary, double temperature) {
        ModelConfig config = Fixtures.config(vocabulary, true);
        RandomWeights weights = new RandomWeights(config, 4, 0.2);
        double[] logprobs = reference(config, weights, temperature);

        int[] counts = new int[vocabulary];
        for (Completion completion : draw(config, weights, SamplingSettings.of(1, temperature, 11), DRAWS)) {
            counts[completion.tokens()[0]]++;
        }

        // Pearson's statistic over tokens expected at least five times, the rest together; mean k, variance 2k.
        double statistic = 0;
        int cells = 0;
        double restExpected = 0;
        int restCount = 0;
        for (int v = 0; v < vocabulary; v++) {
            double expected = DRAWS * Math.exp(logprobs[v]);
            if (expected < 5) {
                restExpected += expected;
                restCount += counts[v];
            } else {
                statistic += (counts[v] - expected) * (counts[v] - expected) / expected;
                cells++;
            }
        }
        if (restExpected > 5) {
            statistic += (restCount - restExpected) * (restCount - restExpected) / restExpected;
            cells++;
        }
        int freedom = cells - 1;
        assertThat(freedom).isGreaterThan(5);
        assertThat(statistic).isBetween(freedom - 4 * Math.sqrt(2.0 * freedom), freedom + 4 * Math.sqrt(2.0 * freedom));
    }

    @Test
    void shouldInvertTheDistributionAtTheUniformNumberOfTheIdentity() {
        ModelConfig config = Fixtures.config(259, true);
        RandomWeights weights = new RandomWeights(config, 4, 0.2);
        double[] logprobs = reference(config, weights, 1);
        int wrong = 0;
        for (Completion completion : draw(config, weights, SamplingSettings.of(1, 1, 11), 2000)) {
            double uniform = RolloutIdentity.uniform(11, completion.identity(), 0);
            int expected = 0;
            double cumulative = Math.exp(logprobs[0]);
            while (cumulative <= uniform && expected < 258) {
                cumulative += Math.exp(logprobs[++expected]);
            }
            wrong += expected == completion.tokens()[0] ? 0 : 1;
        }
        // Single precision may disagree where the uniform number falls within 1e-6 of a border.
        assertThat(wrong).isLessThanOrEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"7, 1.0, 0.0", "0, 0.6, 0.0", "0, 1.0, 0.3", "12, 0.8, 0.1", "1, 1.0, 0.0", "0, 0.0001, 0.0"})
    void shouldDrawOnlyAllowedTokensAndReportTheFullDistribution(int topK, double topP, double minP) {
        ModelConfig config = Fixtures.config(35, true);
        RandomWeights weights = new RandomWeights(config, 4, 0.2);
        double[] logprobs = reference(config, weights, 1.2);
        Integer[] order = IntStream.range(0, 35).boxed().toArray(Integer[]::new);
        Arrays.sort(order, (a, b) -> Double.compare(logprobs[b], logprobs[a]));
        int most = topK > 0 ? topK : 35;
        double kept = Arrays.stream(order).limit(most).mapToDouble(v -> Math.exp(logprobs[v])).sum();
        boolean[] allowed = new boolean[35];
        double before = 0;
        for (int i = 0; i < most; i++) {
            double mass = Math.exp(logprobs[order[i]]);
            allowed[order[i]] = before < topP * kept && mass >= minP * Math.exp(logprobs[order[0]]);
            before += mass;
        }

        boolean[] seen = new boolean[35];
        for (Completion completion : draw(config, weights, new SamplingSettings(1, 1.2, topP, topK, minP, 3), 4000)) {
            int token = completion.tokens()[0];
            seen[token] = true;
            assertThat((double) completion.logprobs()[0]).isCloseTo(logprobs[token], within(1e-4));
            assertThat((double) completion.entropies()[0]).isCloseTo(ReferenceDecoder.entropy(logprobs),
                    within(1e-4));
        }
        for (int v = 0; v < 35; v++) {
            if (seen[v]) {
                assertThat(allowed[v]).as("token %d", v).isTrue();
            } else if (allowed[v]) {
                assertThat(Math.exp(logprobs[v])).as("an allowed token that never came").isLessThan(0.01);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {35, 259})
    void shouldTakeTheLikeliestTokenStepByStepWhenGreedy(int vocabulary) {
        ModelConfig config = Fixtures.config(vocabulary, false);
        RandomWeights weights = new RandomWeights(config, 6, 0.2);
        ReferenceDecoder reference = new ReferenceDecoder(config, weights);
        Completion completion = draw(config, weights, SamplingSettings.greedy(30), 1).getFirst();
        int[] sequence = Fixtures.sequence(PROMPT, completion);

        double[][] logprobs = reference.logprobs(sequence, 1);
        for (int t = 0; t < completion.length(); t++) {
            double[] row = logprobs[PROMPT.length + t - 1];
            int best = IntStream.range(0, vocabulary).reduce((a, b) -> row[b] > row[a] ? b : a).orElseThrow();
            assertThat(completion.tokens()[t]).isEqualTo(best);
            assertThat((double) completion.logprobs()[t]).isCloseTo(row[best], within(1e-4));
            assertThat((double) completion.entropies()[t]).isCloseTo(ReferenceDecoder.entropy(row), within(1e-4));
        }
    }

    @Test
    void shouldTakeTheLowestIdAmongEquallyLikelyTokens() {
        ModelConfig config = Fixtures.config(259, false);
        RandomWeights weights = new RandomWeights(config, 6, 0.2);
        java.nio.FloatBuffer head = weights.writable("lm_head.weight");
        for (int i = 0; i < head.capacity(); i++) {
            head.put(i, 0);
        }

        Completion completion = draw(config, weights, SamplingSettings.greedy(3), 1).getFirst();

        assertThat(completion.tokens()).containsExactly(0, 0, 0);
        assertThat((double) completion.entropies()[0]).isCloseTo(Math.log(259), within(1e-4));
    }
}

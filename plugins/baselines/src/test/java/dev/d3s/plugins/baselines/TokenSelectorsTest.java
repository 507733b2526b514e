package dev.d3s.plugins.baselines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.plugins.d3s.D3sPlugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class TokenSelectorsTest {
    /** Of both modules: what holds for one selector holds for all. */
    static List<TokenSelectorFactory> all() {
        return Stream.concat(new D3sPlugin().tokenSelectors().stream(),
                new BaselinesPlugin().tokenSelectors().stream())
            .toList();
    }

    private static TokenSelector make(TokenSelectorFactory factory, Map<String, Object> config) {
        return factory.create(PluginConfig.of(factory.configKeys(), config));
    }

    private static TokenSelector make(String name, Map<String, Object> config) {
        return make(all().stream().filter(factory -> factory.name().equals(name)).findFirst().orElseThrow(), config);
    }

    /** Few distinct entropies and advantages, so that ties are common. */
    private static TokenBatch batch(int rollouts, int longest, long seed) {
        Random random = new Random(seed);
        double[] advantage = random.ints(rollouts, -2, 3).mapToDouble(a -> a / 2.0).toArray();
        float[][] entropy = new float[rollouts][];
        for (int i = 0; i < rollouts; i++) {
            entropy[i] = new float[1 + random.nextInt(longest)];
            for (int t = 0; t < entropy[i].length; t++) {
                entropy[i][t] = random.nextBoolean() ? random.nextInt(3) / 4f : random.nextFloat();
            }
        }
        return new TokenBatch(new int[rollouts], advantage, entropy, entropy);
    }

    private static TokenBatch ofLengths(int... lengths) {
        float[][] rows = Arrays.stream(lengths).mapToObj(float[]::new).toArray(float[][]::new);
        return new TokenBatch(new int[lengths.length], new double[lengths.length], rows, rows);
    }

    private static int count(boolean[] kept) {
        return (int) IntStream.range(0, kept.length).filter(t -> kept[t]).count();
    }

    private static float[][] weight(TokenSelection selection) {
        float[][] weight = selection.weight();
        if (weight == null) {
            throw new AssertionError("no weights");
        }
        return weight;
    }

    @Property(tries = 200)
    void shouldKeepATokenAndAgainForTheSameSeed(@ForAll @IntRange(min = 1, max = 6) int rollouts, @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 12) int longest,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio) {
        TokenBatch batch = batch(rollouts, longest, seed);
        for (TokenSelectorFactory factory : all()) {
            TokenSelection selection = make(factory, Map.of()).select(batch, keepRatio, seed);
            int kept = 0;
            for (int i = 0; i < rollouts; i++) {
                assertThat(selection.kept()[i]).as(factory.name()).hasSameSizeAs(batch.entropy()[i]);
                kept += count(selection.kept()[i]);
                for (int t = 0; selection.weight() != null && t < selection.kept()[i].length; t++) {
                    if (selection.kept()[i][t]) {
                        assertThat(weight(selection)[i][t]).isGreaterThanOrEqualTo(1).isFinite();
                    }
                }
            }
            assertThat(kept).as(factory.name()).isPositive();
            TokenSelection again = make(factory, Map.of()).select(batch, keepRatio, seed);
            assertThat(again.kept()).as(factory.name()).isDeepEqualTo(selection.kept());
            assertThat(again.weight()).as(factory.name()).isEqualTo(selection.weight());
            TokenSelection everything = make(factory, Map.of()).select(batch, 1, seed);
            assertThat(Arrays.stream(everything.kept()).mapToInt(TokenSelectorsTest::count).sum()).as(factory.name())
                .isEqualTo(batch.tokenCount());
            assertThat(everything.weight() == null
                    || Arrays.stream(weight(everything)).allMatch(row -> Arrays.equals(row, ones(row.length))))
                .as(factory.name())
                .isTrue();
        }
    }

    private static float[] ones(int length) {
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** Two million tokens: quadratic code would not come to an end here. */
    @ParameterizedTest
    @MethodSource("all")
    void shouldSelectFromALargeBatch(TokenSelectorFactory factory) {
        int[] lengths = new int[2048];
        Arrays.fill(lengths, 1024);
        boolean[][] kept = make(factory, Map.of()).select(ofLengths(lengths), 0.2, 3).kept();
        double share = Arrays.stream(kept).mapToInt(TokenSelectorsTest::count).sum() / (2048.0 * 1024);
        assertThat(share).isCloseTo(factory.name().equals("all") ? 1 : 0.2, within(0.01));
    }

    // ---------------------------------------------------------------- rankings

    @Property(tries = 2000)
    void shouldKeepTheTopOfANaiveSort(@ForAll @IntRange(min = 1, max = 6) int rollouts, @ForAll long seed,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio, @ForAll boolean perRollout,
            @ForAll boolean byEntropy) {
        TokenBatch batch = batch(rollouts, 9, seed);
        boolean[][] kept = make(byEntropy ? "entropy" : "abs-advantage",
                Map.of("scope", perRollout ? "rollout" : "batch"))
            .select(batch, keepRatio, seed)
            .kept();
        for (int first = 0; first < (perRollout ? rollouts : 1); first++) {
            List<Double> all = new ArrayList<>();
            List<Double> chosen = new ArrayList<>();
            for (int i = first; i < (perRollout ? first + 1 : rollouts); i++) {
                for (int t = 0; t < kept[i].length; t++) {
                    double key = byEntropy ? batch.entropy()[i][t] : Math.abs(batch.advantage()[i]);
                    all.add(key);
                    if (kept[i][t]) {
                        chosen.add(key);
                    }
                }
            }
            all.sort(Comparator.reverseOrder());
            chosen.sort(Comparator.reverseOrder());
            int wanted = Math.max(1, (int) Math.ceil(keepRatio * all.size() - 1e-9));
            assertThat(chosen).isEqualTo(all.subList(0, wanted));
        }
    }

    /** 5 of 20 equal tokens, 4000 seeds: each is expected 1000 times. */
    @ParameterizedTest
    @ValueSource(strings = {"entropy", "abs-advantage", "random"})
    void shouldMakeEachOfEqualTokensAsLikely(String name) {
        TokenBatch batch = ofLengths(12, 8);
        int[] counts = new int[20];
        for (int seed = 0; seed < 4000; seed++) {
            boolean[][] kept = make(name, Map.of()).select(batch, 0.25, seed).kept();
            for (int t = 0; t < 20; t++) {
                counts[t] += (t < 12 ? kept[0][t] : kept[1][t - 12]) ? 1 : 0;
            }
        }
        double chiSquare = Arrays.stream(counts).mapToDouble(count -> Math.pow(count - 1000.0, 2) / 1000).sum();
        // without replacement: factor (20 - 5) / (20 - 1); 99.9 % quantile of chi2(19)
        assertThat(chiSquare / (15.0 / 19.0)).isLessThan(43.8);
    }

    // ---------------------------------------------------------------- random

    /** Kept tokens times their weight is the number of tokens: with equal probabilities that is unbiased. */
    @Property(tries = 300)
    void shouldWeighRandomTokensByTheInverseOfTheirShare(@ForAll @IntRange(min = 1, max = 6) int rollouts,
            @ForAll long seed, @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio) {
        TokenBatch batch = batch(rollouts, 12, seed);
        TokenSelection ofBatch = make("random", Map.of()).select(batch, keepRatio, seed);
        TokenSelection ofRollouts = make("random", Map.of("scope", "rollout")).select(batch, keepRatio, seed);
        double total = 0;
        for (int i = 0; i < rollouts; i++) {
            int length = batch.entropy()[i].length;
            int kept = count(ofRollouts.kept()[i]);
            assertThat(kept).isEqualTo(Math.max(1, (int) Math.ceil(keepRatio * length - 1e-9)));
            assertThat(weight(ofRollouts)[i]).containsOnly((float) length / kept);
            total += count(ofBatch.kept()[i]) * (double) weight(ofBatch)[i][0];
            assertThat(weight(ofBatch)[i]).containsOnly(weight(ofBatch)[0][0]);
        }
        assertThat(total).isCloseTo(batch.tokenCount(), within(1e-4));
    }

    // ---------------------------------------------------------------- prefix

    @Property(tries = 300)
    void shouldKeepAPrefixWithTheWeightsOfItsLaw(@ForAll @IntRange(min = 1, max = 6) int rollouts, @ForAll long seed,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio,
            @ForAll @DoubleRange(max = 1) double whole) {
        TokenBatch batch = batch(rollouts, 40, seed);
        TokenSelection selection = make("prefix", Map.of("whole", whole)).select(batch, keepRatio, seed);
        PrefixLaw law = PrefixLaw.of(keepRatio, whole);
        for (int i = 0; i < rollouts; i++) {
            boolean[] kept = selection.kept()[i];
            int cut = count(kept);
            assertThat(cut).isPositive();
            for (int t = 0; t < cut; t++) {
                assertThat(kept[t]).isTrue();
                assertThat(weight(selection)[i][t]).isEqualTo((float) (1 / law.kept(t + 1, kept.length)));
            }
        }
    }

    /** 40,000 cuts of a completion of 12 tokens that shares its step with four others, by their exact probabilities. */
    @Test
    void shouldCutByItsLaw() {
        int length = 12;
        int draws = 40_000;
        PrefixLaw law = PrefixLaw.of(0.4, 0.5);
        TokenSelector selector = make("prefix", Map.of());
        for (int rollout : new int[]{0, 2}) {
            int[] counts = new int[length + 1];
            for (int seed = 0; seed < draws; seed++) {
                counts[count(selector.select(ofLengths(length, 7, length, 1, 30), 0.4, seed).kept()[rollout])]++;
            }
            double chiSquare = 0;
            for (int cut = 1; cut <= length; cut++) {
                double expected = draws
                        * (law.kept(cut, length) - (cut == length ? 0 : law.kept(cut + 1, length)));
                chiSquare += Math.pow(counts[cut] - expected, 2) / expected;
            }
            assertThat(chiSquare).isLessThan(31.3); // 99.9 % quantile of chi2(11)
        }
    }

    /** The mean of the weighted sums over many seeds, each rollout with terms of its own, is the whole sum. */
    @ParameterizedTest
    @ValueSource(strings = {"random", "prefix"})
    void shouldBeUnbiasedOverSeeds(String name) {
        TokenBatch batch = ofLengths(9, 4, 1, 14);
        int draws = 20_000;
        double[] estimates = new double[draws];
        double total = 0;
        for (int i = 0; i < batch.size(); i++) {
            for (int t = 0; t < batch.entropy()[i].length; t++) {
                total += term(i, t);
            }
        }
        for (int seed = 0; seed < draws; seed++) {
            TokenSelection selection = make(name, Map.of()).select(batch, 0.3, seed);
            for (int i = 0; i < batch.size(); i++) {
                for (int t = 0; t < batch.entropy()[i].length; t++) {
                    estimates[seed] += selection.kept()[i][t] ? weight(selection)[i][t] * term(i, t) : 0;
                }
            }
        }
        double mean = Arrays.stream(estimates).average().orElseThrow();
        double variance = Arrays.stream(estimates).map(e -> (e - mean) * (e - mean)).sum() / (draws - 1);
        assertThat(variance).isPositive();
        assertThat(mean).isCloseTo(total, within(3.5 * Math.sqrt(variance / draws)));
    }

    private static double term(int rollout, int token) {
        return (rollout % 2 == 0 ? 1 : -1) * (1 + rollout + 0.5 * Math.cos(token));
    }

    /** Each cut lies in its own part of the law, so that a step of many rollouts keeps what it is asked to. */
    @Test
    void shouldScatterLessThanIndependentCuts() {
        int[] lengths = new int[64];
        Arrays.fill(lengths, 100);
        for (int seed = 0; seed < 50; seed++) {
            boolean[][] kept = make("prefix", Map.of()).select(ofLengths(lengths), 0.5, seed).kept();
            // independent cuts would have a standard deviation of 0.04
            assertThat(Arrays.stream(kept).mapToInt(TokenSelectorsTest::count).sum() / 6400.0)
                .isCloseTo(0.5, within(0.02));
        }
    }

    @Test
    void shouldLeaveWeightsOutWhenAsked() {
        for (String name : List.of("random", "prefix")) {
            TokenSelection weighted = make(name, Map.of()).select(ofLengths(20, 30), 0.3, 7);
            TokenSelection plain = make(name, Map.of("weighted", false)).select(ofLengths(20, 30), 0.3, 7);
            assertThat(weighted.weight()).isNotNull();
            assertThat(plain.weight()).isNull();
            assertThat(plain.kept()).isDeepEqualTo(weighted.kept());
        }
    }
}

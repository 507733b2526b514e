package dev.d3s.plugins.baselines;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.d3s.D3sPlugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class RolloutSelectorsTest {
    /** Of both modules: what holds for one selector holds for all. */
    static List<RolloutSelectorFactory> all() {
        return Stream.concat(new D3sPlugin().rolloutSelectors().stream(),
                new BaselinesPlugin().rolloutSelectors().stream())
            .toList();
    }

    private static RolloutSelector make(RolloutSelectorFactory factory, Map<String, Object> config) {
        return factory.create(PluginConfig.of(factory.configKeys(), config));
    }

    private static RolloutSelector make(String name, Map<String, Object> config) {
        return make(all().stream().filter(factory -> factory.name().equals(name)).findFirst().orElseThrow(), config);
    }

    @Property(tries = 200)
    void shouldKeepGradedRolloutsOnceAndAgainForTheSameSeed(@ForAll @IntRange(max = 6) int groups, @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 9) int largestGroup,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio) {
        RolloutBatch batch = Batches.of(groups, largestGroup, seed);
        for (RolloutSelectorFactory factory : all()) {
            RolloutSelection selection = make(factory, Map.of()).select(batch, keepRatio, seed);
            assertThat(selection.kept()).as(factory.name()).doesNotHaveDuplicates();
            assertThat(Arrays.stream(selection.kept())).as(factory.name())
                .allMatch(i -> i >= 0 && i < batch.size() && batch.graded(i));
            double[] advantage = selection.advantage();
            if (advantage != null) {
                assertThat(advantage).hasSameSizeAs(selection.kept());
                assertThat(Arrays.stream(advantage)).as(factory.name()).allMatch(Double::isFinite);
            }
            RolloutSelection again = make(factory, Map.of()).select(batch, keepRatio, seed);
            assertThat(again.kept()).as(factory.name()).isEqualTo(selection.kept());
            assertThat(again.advantage()).as(factory.name()).isEqualTo(advantage);
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void shouldKeepNothingWhereNothingIsGraded(RolloutSelectorFactory factory) {
        double[] reward = {Double.NaN, Double.NaN, Double.NaN};
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 1}, 2, reward, new double[3], new int[3]);
        for (boolean fill : new boolean[]{false, true}) {
            Map<String, Object> config = factory.configKeys()
                .stream()
                .anyMatch(key -> key.name().equals("fill_with_zero_advantage"))
                        ? Map.of("fill_with_zero_advantage", fill)
                        : Map.of();
            assertThat(make(factory, config).select(batch, 1, 5).kept()).isEmpty();
        }
    }

    /** 65,536 rollouts in 4,096 groups: quadratic code would not come to an end here. */
    @ParameterizedTest
    @MethodSource("all")
    void shouldSelectFromALargeBatch(RolloutSelectorFactory factory) {
        int rollouts = 1 << 16;
        int[] group = IntStream.range(0, rollouts).map(i -> i / 16).toArray();
        double[] reward = IntStream.range(0, rollouts).mapToDouble(i -> i % 3 == 0 ? 1 : 0).toArray();
        double[] advantage = Arrays.stream(reward).map(r -> r - 1 / 3.0).toArray();
        RolloutBatch batch = new RolloutBatch(group, rollouts / 16, reward, advantage, new int[rollouts]);
        int[] kept = make(factory, Map.of()).select(batch, 0.25, 5).kept();
        assertThat(kept).hasSize(factory.name().equals("all") ? rollouts : rollouts / 4);
    }

    // ---------------------------------------------------------------- rankings

    @Property(tries = 2000)
    void shouldKeepTheTopOfANaiveSort(@ForAll @IntRange(min = 1, max = 5) int groups, @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 9) int largestGroup,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio, @ForAll boolean perGroup,
            @ForAll boolean informativeOnly) {
        RolloutBatch batch = Batches.of(groups, largestGroup, seed);
        Map<String, IntToDoubleFunction> keys = Map.of("max-reward", i -> batch.reward()[i], "max-abs-advantage",
                i -> Math.abs(batch.advantage()[i]), "random", i -> 0);
        keys.forEach((name, key) -> {
            int[] kept = make(name,
                    Map.of("scope", perGroup ? "group" : "batch", "informative_only", informativeOnly))
                .select(batch, keepRatio, seed)
                .kept();
            for (int g = 0; g < (perGroup ? groups : 1); g++) {
                int group = g;
                int[] ranked = IntStream.range(0, batch.size())
                    .filter(i -> !perGroup || batch.group()[i] == group)
                    .toArray();
                List<Double> expected = Arrays.stream(ranked)
                    .filter(i -> batch.graded(i) && (!informativeOnly || batch.advantage()[i] != 0))
                    .mapToObj(key::applyAsDouble)
                    .sorted(Comparator.reverseOrder())
                    .limit(Math.max(1, Math.round(keepRatio * ranked.length)))
                    .toList();
                assertThat(Arrays.stream(kept)
                    .filter(i -> !perGroup || batch.group()[i] == group)
                    .mapToObj(key::applyAsDouble)
                    .sorted(Comparator.reverseOrder())
                    .toList()).as(name).isEqualTo(expected);
            }
        });
    }

    /** 0/1 rewards: 8 of 32 equal rollouts, 4000 seeds, each is expected 1000 times. */
    @ParameterizedTest
    @MethodSource("rankings")
    void shouldMakeEachOfEqualRolloutsAsLikely(String name) {
        int[] group = IntStream.range(0, 64).map(i -> i / 16).toArray();
        double[] reward = IntStream.range(0, 64).mapToDouble(i -> i % 2).toArray();
        double[] advantage = Arrays.stream(reward).map(r -> r - (name.equals("max-reward") ? 0.5 : 0.6)).toArray();
        int[] counts = new int[64];
        RolloutSelector selector = make(name, Map.of("scope", "batch"));
        for (int seed = 0; seed < 4000; seed++) {
            int[] kept = selector.select(new RolloutBatch(group, 4, reward, advantage, new int[64]), 0.125, seed)
                .kept();
            Arrays.stream(kept).forEach(i -> counts[i]++);
        }
        boolean random = name.equals("random");
        int first = name.equals("max-reward") ? 1 : 0; // the even ones have |A| = 0.6 against 0.4
        int[] candidates = IntStream.range(0, 64).filter(i -> random || i % 2 == first).toArray();
        assertThat(Arrays.stream(candidates).map(i -> counts[i]).sum()).isEqualTo(8 * 4000);
        double expected = 8 * 4000.0 / candidates.length;
        double chiSquare = Arrays.stream(candidates)
            .mapToDouble(i -> Math.pow(counts[i] - expected, 2) / expected)
            .sum();
        // without replacement: factor (n - 8) / (n - 1); 99.9 % quantiles of chi2(63) and chi2(31)
        double withoutReplacement = (candidates.length - 8.0) / (candidates.length - 1.0);
        assertThat(chiSquare / withoutReplacement).isLessThan(random ? 103.4 : 61.1);
    }

    static List<String> rankings() {
        return List.of("random", "max-reward", "max-abs-advantage");
    }

    // ---------------------------------------------------------------- PODS

    /** No reward is its group's mean here. With fill_with_zero_advantage that would not matter either. */
    @Property(tries = 1000)
    void shouldBeIntraWithNormalizeKept(@ForAll @IntRange(min = 1, max = 5) int groups, @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 12) int largestGroup,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio, @ForAll boolean fill, @ForAll boolean kept) {
        RolloutBatch batch = Batches.of(groups, largestGroup, seed);
        Map<String, Object> config = Map.of("normalize", kept ? "kept" : "group", "fill_with_zero_advantage", fill);
        RolloutSelection pods = make("pods", config).select(batch, keepRatio, seed);
        RolloutSelection intra = make("d3s-intra", config).select(batch, keepRatio, seed);
        assertThat(pods.kept()).isEqualTo(intra.kept());
        assertThat(pods.advantage()).isEqualTo(intra.advantage());
    }

    @Test
    void shouldNormalizeOnTheKeptByDefaultAndKeepTheMeanReward() {
        double[] reward = {0, 0.5, 1, 0.3, 0.3};
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 0, 1, 1}, 2, reward, new double[]{-1, 0, 1, 0, 0},
                new int[5]);
        RolloutSelection pods = make("pods", Map.of()).select(batch, 1, 7);
        assertThat(pods.kept()).containsExactly(0, 1, 2);
        assertThat(pods.advantage()).containsExactly(-0.5 / 0.5001, 0, 0.5 / 0.5001);
        assertThat(make("d3s-intra", Map.of("normalize", "kept")).select(batch, 1, 7).kept()).containsExactly(0, 2);
        RolloutSelection strict = make("pods", Map.of("fill_with_zero_advantage", true)).select(batch, 1, 7);
        assertThat(strict.kept()).containsExactly(0, 1, 2, 3, 4);
        assertThat(strict.advantage()).endsWith(0, 0);
    }

    @Test
    void shouldDropAGroupOfWhichOneRolloutIsKept() {
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 0, 0}, 1, new double[]{0, 1, 1, 1},
                new double[]{-0.75, 0.25, 0.25, 0.25}, new int[4]);
        assertThat(make("pods", Map.of()).select(batch, 0.25, 7).kept()).isEmpty();
        RolloutSelection group = make("pods", Map.of("normalize", "group")).select(batch, 0.25, 7);
        assertThat(group.kept()).hasSize(1);
        assertThat(group.advantage()).isNull();
    }
}

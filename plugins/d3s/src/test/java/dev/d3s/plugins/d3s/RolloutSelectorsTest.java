package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class RolloutSelectorsTest {
    private static RolloutSelector cross(Map<String, Object> config) {
        return make(new CrossGroupSelector.Factory(), config);
    }

    private static RolloutSelector intra(Map<String, Object> config) {
        return make(new IntraGroupSelector.Factory(), config);
    }

    private static RolloutSelector make(RolloutSelectorFactory factory, Map<String, Object> config) {
        return factory.create(PluginConfig.of(factory.configKeys(), config));
    }

    /** Rewards 0/1 or from a few values, some groups degenerate, some rollouts ungraded; advantages centred per group. */
    private static RolloutBatch batch(int groups, int groupSize, long seed) {
        Random random = new Random(seed);
        int[] group = new int[groups * groupSize];
        double[] reward = new double[group.length];
        double[] advantage = new double[group.length];
        for (int g = 0; g < groups; g++) {
            double chance = random.nextInt(4) / 3.0;
            double sum = 0;
            int graded = 0;
            for (int i = g * groupSize; i < (g + 1) * groupSize; i++) {
                group[i] = g;
                reward[i] = random.nextInt(8) == 0 ? Double.NaN : random.nextDouble() < chance ? 1 : 0;
                if (!Double.isNaN(reward[i])) {
                    sum += reward[i];
                    graded++;
                }
            }
            for (int i = g * groupSize; i < (g + 1) * groupSize; i++) {
                advantage[i] = Double.isNaN(reward[i]) ? 0 : reward[i] - sum / graded;
            }
        }
        return new RolloutBatch(group, groups, reward, advantage, new int[group.length]);
    }

    @Property(tries = 150)
    void shouldKeepTheBestOfAllInformativeSubsetsAcrossTheBatch(@ForAll @IntRange(min = 1, max = 3) int groups,
            @ForAll @IntRange(min = 1, max = 4) int groupSize,
            @ForAll @DoubleRange(min = 0.05, max = 1) double keepRatio,
            @ForAll long seed, @ForAll boolean fill) {
        RolloutBatch batch = batch(groups, groupSize, seed);
        int[] kept = cross(Map.of("fill_with_zero_advantage", fill)).select(batch, keepRatio, seed).kept();
        int[] pool = candidates(batch, IntStream.range(0, batch.size()), fill);
        checkOptimal(batch, kept, pool, Math.max(1, (int) Math.round(keepRatio * batch.size())));
    }

    @Property(tries = 150)
    void shouldKeepTheBestOfAllInformativeSubsetsOfEachGroup(@ForAll @IntRange(min = 1, max = 4) int groups,
            @ForAll @IntRange(min = 1, max = 8) int groupSize,
            @ForAll @DoubleRange(min = 0.05, max = 1) double keepRatio,
            @ForAll long seed, @ForAll boolean fill) {
        RolloutBatch batch = batch(groups, groupSize, seed);
        int[] kept = intra(Map.of("fill_with_zero_advantage", fill)).select(batch, keepRatio, seed).kept();
        assertThat(kept).doesNotHaveDuplicates();
        for (int g = 0; g < groups; g++) {
            int group = g;
            int[] pool = candidates(batch, IntStream.range(g * groupSize, (g + 1) * groupSize), fill);
            checkOptimal(batch, Arrays.stream(kept).filter(i -> batch.group()[i] == group).toArray(), pool,
                    Math.max(1, (int) Math.round(keepRatio * groupSize)));
        }
    }

    private static int[] candidates(RolloutBatch batch, IntStream rollouts, boolean fill) {
        return rollouts.filter(i -> !Double.isNaN(batch.reward()[i]) && (fill || batch.advantage()[i] != 0)).toArray();
    }

    private static void checkOptimal(RolloutBatch batch, int[] kept, int[] pool, int wanted) {
        assertThat(kept).hasSize(Math.min(wanted, pool.length)).doesNotHaveDuplicates();
        List<Integer> allowed = Arrays.stream(pool).boxed().toList();
        assertThat(allowed).containsAll(Arrays.stream(kept).boxed().toList());
        double best = 0;
        for (int bits = 0; bits < 1 << pool.length; bits++) {
            if (Integer.bitCount(bits) == kept.length) {
                List<Double> values = new ArrayList<>();
                for (int i = 0; i < pool.length; i++) {
                    if ((bits >> i & 1) == 1) {
                        values.add(batch.advantage()[pool[i]]);
                    }
                }
                best = Math.max(best, variance(values));
            }
        }
        assertThat(variance(Arrays.stream(kept).mapToObj(i -> batch.advantage()[i]).toList()))
            .isCloseTo(best, within(1e-10));
    }

    private static double variance(List<Double> values) {
        double mean = values.stream().mapToDouble(d -> d).average().orElse(0);
        return values.stream().mapToDouble(d -> (d - mean) * (d - mean)).average().orElse(0);
    }

    @Test
    void shouldKeepNothingWhenNothingIsInformative() {
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 1, 1}, 2, new double[]{1, 1, 0, Double.NaN},
                new double[4],
                new int[4]);
        assertThat(cross(Map.of()).select(batch, 1, 3).kept()).isEmpty();
        assertThat(intra(Map.of()).select(batch, 1, 3).kept()).isEmpty();
        assertThat(cross(Map.of("fill_with_zero_advantage", true)).select(batch, 1, 3).kept()).containsExactly(0, 1, 2);
    }

    @Test
    void shouldPoolWhatTheGroupsKeepFirst() {
        // group 0 has the two most extreme advantages and two middling ones; at intra_keep 0.5 each group offers two
        double[] advantage = {-3, -2.9, 2.9, 3, -1, -0.1, 0.1, 1};
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 0, 0, 1, 1, 1, 1}, 2, new double[8], advantage,
                new int[8]);
        assertThat(cross(Map.of()).select(batch, 0.5, 1).kept()).containsExactly(0, 1, 2, 3);
        assertThat(cross(Map.of("pool", "intra")).select(batch, 0.5, 1).kept()).containsExactly(0, 3, 4, 7);
    }

    @Test
    void shouldSplitInHalfWhenBalanced() {
        double[] advantage = {3, -1, -1, -1, 3, -1, -1, -1};
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 0, 0, 1, 1, 1, 1}, 2, new double[8], advantage,
                new int[8]);
        assertThat(cross(Map.of("split", "balanced")).select(batch, 0.25, 1).kept()).hasSize(2)
            .satisfies(kept -> assertThat(advantage[kept[0]] * advantage[kept[1]]).isNegative());
    }

    @Test
    void shouldGiveTheSameAnswerForTheSameArgumentsAndVaryWithTheSeed() {
        RolloutBatch batch = batch(8, 8, 5);
        for (RolloutSelector selector : List.of(cross(Map.of()), intra(Map.of()), cross(Map.of("pool", "intra")))) {
            int[] first = selector.select(batch, 0.25, 11).kept();
            assertThat(selector.select(batch, 0.25, 11).kept()).isEqualTo(first);
            assertThat(IntStream.range(0, 20)
                .mapToObj(seed -> Arrays.toString(selector.select(batch, 0.25, seed).kept()))
                .distinct()
                .count()).isGreaterThan(5);
        }
    }

    /** 0/1 rewards, thousands of ties: no group of the batch is preferred. Chi-square over 16 equal groups. */
    @Test
    void shouldNotPreferTheFirstPromptsOfTheBatch() {
        int groups = 16;
        int[] group = IntStream.range(0, groups * 8).map(i -> i / 8).toArray();
        double[] advantage = IntStream.range(0, group.length).mapToDouble(i -> i % 2 == 0 ? 1 : -1).toArray();
        RolloutBatch batch = new RolloutBatch(group, groups, new double[group.length], advantage,
                new int[group.length]);
        int[] counts = new int[groups];
        int draws = 1000;
        for (int seed = 0; seed < draws; seed++) {
            Arrays.stream(cross(Map.of()).select(batch, 0.25, seed).kept()).forEach(i -> counts[group[i]]++);
        }
        double expected = draws * 2.0;
        double chiSquare = Arrays.stream(counts).mapToDouble(count -> Math.pow(count - expected, 2) / expected).sum();
        assertThat(chiSquare).isLessThan(37.7); // 99.9 % quantile of chi2(15)
    }

    @Test
    void shouldMarkEveryChoiceOfOursInItsDescription() {
        List<ConfigKey> keys = new ArrayList<>();
        new D3sPlugin().rolloutSelectors().forEach(selector -> keys.addAll(selector.configKeys()));
        new D3sPlugin().tokenSelectors().forEach(selector -> keys.addAll(selector.configKeys()));
        new D3sPlugin().schedules().forEach(schedule -> keys.addAll(schedule.configKeys()));
        assertThat(keys).hasSize(17).allSatisfy(key -> assertThat(key.description()).startsWith("[ours] "));
    }
}

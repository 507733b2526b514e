package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;

class AutoSelectorTest {
    private static final int GROUPS = 20;
    private static final int GROUP_SIZE = 4;

    private static AutoSelector auto(Map<String, Object> config) {
        return (AutoSelector) make(new AutoSelector.Factory(), config);
    }

    private static RolloutSelector make(RolloutSelectorFactory factory, Map<String, Object> config) {
        return factory.create(PluginConfig.of(factory.configKeys(), config));
    }

    /** 20 groups: {@code informative} with one or two successes, {@code ungraded} without rewards, the others all wrong. */
    private static RolloutBatch batch(int informative, int ungraded, long seed) {
        Random random = new Random(seed);
        int[] group = IntStream.range(0, GROUPS * GROUP_SIZE).map(i -> i / GROUP_SIZE).toArray();
        double[] reward = new double[group.length];
        double[] advantage = new double[group.length];
        for (int i = 0; i < group.length; i += GROUP_SIZE) {
            if (group[i] < informative) {
                int successes = 1 + random.nextInt(2);
                for (int j = 0; j < GROUP_SIZE; j++) {
                    reward[i + j] = j < successes ? 1 : 0;
                    advantage[i + j] = reward[i + j] - (double) successes / GROUP_SIZE;
                }
            } else if (group[i] >= GROUPS - ungraded) {
                Arrays.fill(reward, i, i + GROUP_SIZE, Double.NaN);
            }
        }
        return new RolloutBatch(group, GROUPS, reward, advantage, new int[group.length]);
    }

    /** A run of steps whose share of informative groups wanders. */
    private static List<RolloutBatch> run(long seed) {
        Random random = new Random(seed);
        List<RolloutBatch> batches = new ArrayList<>();
        int informative = random.nextInt(GROUPS + 1);
        for (int step = 0; step < 60; step++) {
            int ungraded = random.nextInt(8) == 0 ? random.nextInt(GROUPS + 1) : 0;
            informative = Math.clamp(informative + random.nextInt(9) - 4, 0, GROUPS);
            batches.add(batch(Math.min(informative, GROUPS - ungraded), ungraded, random.nextLong()));
        }
        return batches;
    }

    /** The rule once more, from the whole history at every step and by the definition of the average. */
    @Property(tries = 300)
    void shouldFollowItsRule(@ForAll long seed, @ForAll @DoubleRange(min = 0.01, max = 1) double smoothing) {
        // thresholds that no average of these shares comes so near that rounding could decide
        double low = 0.28171828;
        double high = 0.71415926;
        AutoSelector selector = auto(Map.of("smoothing", smoothing, "low", low, "high", high));
        List<Double> shares = new ArrayList<>();
        boolean intra = true;
        int step = 0;
        for (RolloutBatch batch : run(seed)) {
            long graded = IntStream.range(0, GROUPS)
                .filter(g -> IntStream.range(0, batch.size()).anyMatch(i -> batch.group()[i] == g && batch.graded(i)))
                .count();
            long informative = IntStream.range(0, GROUPS)
                .filter(g -> IntStream.range(0, batch.size())
                    .anyMatch(i -> batch.group()[i] == g && batch.advantage()[i] != 0))
                .count();
            if (graded > 0) {
                shares.add((double) informative / graded);
            }
            double average = 0;
            for (int i = 0; i < shares.size(); i++) {
                int age = shares.size() - 1 - i;
                average += shares.get(i) * Math.pow(1 - smoothing, age) * (i == 0 ? 1 : smoothing);
            }
            if (!shares.isEmpty()) {
                intra = average < low || (average < high && intra);
            }
            RolloutSelection selection = selector.select(batch, 0.25, step);
            assertThat(selection.metrics().get("intra")).isEqualTo(intra ? 1.0 : 0.0);
            if (shares.isEmpty()) {
                assertThat(selection.metrics()).containsOnlyKeys("intra");
            } else {
                assertThat(selection.metrics().get("informative_group_ratio")).isCloseTo(average, within(1e-12));
            }
            RolloutSelector chosen = make(
                    intra ? new IntraGroupSelector.Factory() : new CrossGroupSelector.Factory(), Map.of());
            assertThat(selection.kept()).isEqualTo(chosen.select(batch, 0.25, step).kept());
            assertThat(selection.advantage()).isNull();
            step++;
        }
    }

    private static List<Double> decisions(AutoSelector selector, int... informative) {
        return Arrays.stream(informative)
            .mapToObj(count -> selector.select(batch(count, 0, 1), 0.5, 1).metrics().getOrDefault("intra", -1.0))
            .toList();
    }

    @Test
    void shouldBeginWithIntraUnlessMostGroupsAreInformative() {
        assertThat(decisions(auto(Map.of()), 2)).containsExactly(1.0);
        assertThat(decisions(auto(Map.of()), 10)).containsExactly(1.0);
        assertThat(decisions(auto(Map.of()), 18)).containsExactly(0.0);
    }

    @Test
    void shouldNotFlapInsideTheBand() {
        Map<String, Object> unsmoothed = Map.of("smoothing", 1);
        assertThat(decisions(auto(unsmoothed), 3, 9, 11, 8, 12, 9, 11)).containsOnly(1.0);
        assertThat(decisions(auto(unsmoothed), 19, 9, 11, 8, 12, 9, 11)).containsOnly(0.0);
        assertThat(decisions(auto(unsmoothed), 3, 12, 13, 12, 8, 7, 8)).containsExactly(1.0, 1.0, 0.0, 0.0, 0.0, 1.0,
                1.0);
    }

    @Test
    void shouldWaitForTheAverage() {
        // 0.2, then 0.2 + 0.8 * (1 - 0.8^k) of which k = 4 is the first above 0.6
        assertThat(decisions(auto(Map.of()), 4, 20, 20, 20, 20, 20)).containsExactly(1.0, 1.0, 1.0, 1.0, 0.0, 0.0);
        // one solved batch does not turn it round
        assertThat(decisions(auto(Map.of()), 18, 18, 0, 18)).containsOnly(0.0);
    }

    @Test
    void shouldKeepItsMindWhereNothingIsGraded() {
        AutoSelector selector = auto(Map.of());
        assertThat(selector.select(batch(0, GROUPS, 1), 0.5, 1)).satisfies(selection -> {
            assertThat(selection.kept()).isEmpty();
            assertThat(selection.metrics()).isEqualTo(Map.of("intra", 1.0));
        });
        assertThat(decisions(selector, 20)).containsExactly(0.0);
        assertThat(selector.select(batch(0, GROUPS, 1), 0.5, 1).metrics())
            .isEqualTo(Map.of("intra", 0.0, "informative_group_ratio", 1.0));
    }

    @Test
    void shouldPassItsOptionsOn() {
        Map<String, Object> options = Map.of("normalize", "kept", "split", "balanced", "fill_with_zero_advantage",
                true);
        RolloutBatch few = batch(3, 2, 5);
        RolloutSelection intra = make(new IntraGroupSelector.Factory(), options).select(few, 0.5, 9);
        assertThat(auto(options).select(few, 0.5, 9).kept()).isEqualTo(intra.kept());
        assertThat(auto(options).select(few, 0.5, 9).advantage()).isEqualTo(intra.advantage()).isNotNull();
        RolloutBatch many = batch(18, 0, 5);
        RolloutSelection cross = make(new CrossGroupSelector.Factory(), options).select(many, 0.5, 9);
        assertThat(auto(options).select(many, 0.5, 9).kept()).isEqualTo(cross.kept());
        assertThat(auto(options).select(many, 0.5, 9).advantage()).isEqualTo(cross.advantage()).isNotNull();
    }

    @Property(tries = 100)
    void shouldGoOnFromItsStateAsIfNeverInterrupted(@ForAll long seed) {
        AutoSelector whole = auto(Map.of());
        AutoSelector interrupted = auto(Map.of());
        int step = 0;
        for (RolloutBatch batch : run(seed)) {
            byte[] state = interrupted.saveState();
            if (step % 2 == 0) {
                // selected, but not finished: the step is selected again from the state before it
                interrupted.select(batch, 0.25, step);
            }
            interrupted = auto(Map.of());
            interrupted.restoreState(state);
            RolloutSelection expected = whole.select(batch, 0.25, step);
            RolloutSelection selection = interrupted.select(batch, 0.25, step++);
            assertThat(selection.kept()).isEqualTo(expected.kept());
            assertThat(selection.metrics()).isEqualTo(expected.metrics());
            assertThat(interrupted.saveState()).isEqualTo(whole.saveState());
        }
    }

    @Test
    void shouldKeepReadingTheStatesOfThisVersion() {
        AutoSelector selector = auto(Map.of());
        assertThat(selector.saveState()).containsExactly(1, 1, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0);
        // 0.75
        byte[] cross = {1, 0, 0x3f, (byte) 0xe8, 0, 0, 0, 0, 0, 0};
        selector.restoreState(cross);
        assertThat(selector.saveState()).isEqualTo(cross);
        assertThat(decisions(selector, 0)).as("0.6 is not below 0.4").containsExactly(0.0);
    }

    @Test
    void shouldRefuseAStateItCannotRead() {
        byte[][] unreadable = {{}, {2, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 1}, {1, 2, 0, 0, 0, 0, 0, 0, 0, 0},
                {1, 1, 0x40, 0, 0, 0, 0, 0, 0, 0}};
        for (byte[] state : unreadable) {
            assertThatThrownBy(() -> auto(Map.of()).restoreState(state))
                .hasMessageContaining("The selector's state is not version 1: it ")
                .asInstanceOf(type(D3sException.class))
                .satisfies(e -> {
                    assertThat(e.code()).isEqualTo("checkpoint_unusable");
                    assertThat(e.category()).isEqualTo(ErrorCategory.PLUGIN);
                });
        }
    }

    @Test
    void shouldRefuseABandWithoutWidth() {
        assertThatThrownBy(() -> auto(Map.of("low", 0.6)))
            .isInstanceOf(InvalidConfigException.class)
            .hasMessage("Key 'low' is 0.6 but must be below 'high', which is 0.6.");
    }
}

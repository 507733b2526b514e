package dev.d3s.server.advantage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class GroupRelativeAdvantageTest {
    private static final double MIN_RANGE = 1e-6;

    /** Rewards of whole groups with some ungraded ones and some groups of equal rewards. */
    private static double[] rewards(int groups, int groupSize, long seed) {
        Random random = new Random(seed);
        double[] reward = new double[groups * groupSize];
        for (int g = 0; g < groups; g++) {
            int style = random.nextInt(3);
            for (int i = g * groupSize; i < (g + 1) * groupSize; i++) {
                reward[i] = switch (style) {
                    case 0 -> random.nextInt(2);
                    case 1 -> random.nextGaussian() * 5 + 100;
                    default -> 0.3;
                };
                if (random.nextInt(6) == 0) {
                    reward[i] = Double.NaN;
                }
            }
        }
        return reward;
    }

    private static int[] groups(int groups, int groupSize) {
        return IntStream.range(0, groups * groupSize).map(i -> i / groupSize).toArray();
    }

    @Property(tries = 300)
    void shouldEqualTheNaiveDefinition(@ForAll @IntRange(min = 1, max = 6) int groups,
            @ForAll @IntRange(min = 1, max = 8) int groupSize, @ForAll long seed, @ForAll Scale scale) {
        double[] reward = rewards(groups, groupSize, seed);
        int[] group = groups(groups, groupSize);
        Advantages advantages = GroupRelativeAdvantage.of(reward, group, groups, scale, MIN_RANGE);
        double[] centred = new double[reward.length];
        boolean[] degenerate = new boolean[groups];
        double[] groupStd = new double[groups];
        for (int g = 0; g < groups; g++) {
            int mine = g;
            double[] graded = IntStream.range(0, reward.length)
                .filter(i -> group[i] == mine && !Double.isNaN(reward[i]))
                .mapToDouble(i -> reward[i])
                .toArray();
            degenerate[g] = graded.length < 2 || max(graded) - min(graded) <= MIN_RANGE;
            groupStd[g] = std(graded);
            for (int i = 0; i < reward.length; i++) {
                if (group[i] == g && !Double.isNaN(reward[i]) && !degenerate[g]) {
                    centred[i] = reward[i] - Arrays.stream(graded).average().orElseThrow();
                }
            }
        }
        double[] gradedCentred = IntStream.range(0, reward.length)
            .filter(i -> !Double.isNaN(reward[i]))
            .mapToDouble(i -> centred[i])
            .toArray();
        for (int i = 0; i < reward.length; i++) {
            double expected = centred[i] == 0 ? 0 : switch (scale) {
                case GROUP -> centred[i] / (groupStd[group[i]] + 1e-4);
                case BATCH -> centred[i] / (std(gradedCentred) + 1e-4);
                case NONE -> centred[i];
            };
            assertThat(advantages.advantage()[i]).isCloseTo(expected, within(1e-9));
        }
        assertThat(advantages.degenerate()).isEqualTo(degenerate);
        double[] graded = Arrays.stream(reward).filter(r -> !Double.isNaN(r)).toArray();
        assertThat(advantages.graded()).isEqualTo(graded.length);
        assertThat(advantages.rewardMean()).isCloseTo(Arrays.stream(graded).average().orElse(0), within(1e-9));
        assertThat(advantages.rewardStd()).isCloseTo(std(graded), within(1e-9));
        assertThat(advantages.ungradedRatio())
            .isCloseTo((reward.length - graded.length) / (double) reward.length, within(1e-12));
    }

    @Test
    void shouldMatchGrpoOnAHandComputedGroup() {
        Advantages advantages = GroupRelativeAdvantage.of(new double[]{1, 0, 0, 0}, new int[4], 1, Scale.GROUP,
                MIN_RANGE);
        // mean 1/4, unbiased std 1/2
        assertThat(advantages.advantage()[0]).isCloseTo(0.75 / 0.5001, within(1e-12));
        assertThat(advantages.advantage()[1]).isCloseTo(-0.25 / 0.5001, within(1e-12));
        assertThat(advantages.rewardMean()).isEqualTo(0.25);
        assertThat(advantages.rewardStd()).isCloseTo(0.5, within(1e-12));
    }

    /** The third sum of 0.1, 0.2 and 0.3 is not the same number as the others: noise is not a signal. */
    @Test
    void shouldGiveExactlyZeroWhenRewardsDifferByFloatNoise() {
        double[] reward = {0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1, 0.6, 0.6f};
        assertThat(max(reward) - min(reward)).isPositive();
        for (Scale scale : Scale.values()) {
            Advantages advantages = GroupRelativeAdvantage.of(reward, new int[4], 1, scale, MIN_RANGE);
            assertThat(advantages.advantage()).containsOnly(0.0);
            assertThat(advantages.degenerateRatio()).isEqualTo(1);
        }
        assertThat(GroupRelativeAdvantage.of(reward, new int[4], 1, Scale.NONE, 0).advantage()).doesNotContain(0.0);
    }

    @Test
    void shouldGiveExactlyZeroToARewardThatIsTheMean() {
        double[] reward = {0.1, 0.2, 0.3};
        assertThat(0.2 - (0.1 + 0.2 + 0.3) / 3).as("what a plain difference leaves").isNotZero();
        for (Scale scale : Scale.values()) {
            double[] advantage = GroupRelativeAdvantage.of(reward, new int[3], 1, scale, MIN_RANGE).advantage();
            assertThat(advantage[1]).isZero();
            assertThat(advantage[0]).isNegative().isCloseTo(-advantage[2], within(1e-12));
        }
    }

    @Test
    void shouldLeaveUngradedRolloutsOutOfTheStatistics() {
        double nan = Double.NaN;
        Advantages advantages = GroupRelativeAdvantage.of(new double[]{1, nan, 0, nan, nan, 5, nan, nan, nan},
                new int[]{0, 0, 0, 1, 1, 1, 2, 2, 2}, 3, Scale.NONE, MIN_RANGE);
        assertThat(advantages.advantage()).containsExactly(0.5, 0, -0.5, 0, 0, 0, 0, 0, 0);
        assertThat(advantages.degenerate()).containsExactly(false, true, true);
        assertThat(advantages.rewardMean()).isEqualTo(2);
        assertThat(advantages.graded()).isEqualTo(3);
    }

    @Test
    void shouldStayFiniteWhenNothingWasGraded() {
        Advantages advantages = GroupRelativeAdvantage.of(new double[]{Double.NaN, Double.NaN}, new int[2], 1,
                Scale.BATCH,
                MIN_RANGE);
        assertThat(advantages.advantage()).containsExactly(0, 0);
        assertThat(advantages.rewardMean()).isZero();
        assertThat(advantages.rewardStd()).isZero();
    }

    private static double std(double[] values) {
        double mean = Arrays.stream(values).average().orElse(0);
        return values.length < 2
                ? 0
                : Math.sqrt(Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / (values.length - 1));
    }

    private static double max(double[] values) {
        return Arrays.stream(values).max().orElse(0);
    }

    private static double min(double[] values) {
        return Arrays.stream(values).min().orElse(0);
    }
}

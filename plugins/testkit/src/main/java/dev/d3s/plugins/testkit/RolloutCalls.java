package dev.d3s.plugins.testkit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import dev.d3s.plugins.testkit.SelectorContract.Call;
import dev.d3s.spi.RolloutBatch;

/** Steps of jobs as a rollout selector sees them, the same in each run. */
final class RolloutCalls {
    private static final double[] KEEP_RATIOS = {1, 0.5, 0.25, 1e-6};

    private final SplittableRandom random = new SplittableRandom(20260101);
    private final List<Call<RolloutBatch>> calls = new ArrayList<>();

    private RolloutCalls() {}

    /** The reward of a rollout. */
    private interface Reward {
        double of(int group, int index);
    }

    static List<Call<RolloutBatch>> all() {
        RolloutCalls calls = new RolloutCalls();
        SplittableRandom random = calls.random;
        calls.add("one rollout", new int[]{1}, (group, index) -> 1);
        calls.add("one group of two", new int[]{2}, (group, index) -> index);
        calls.add("rewards of 0 and 1", sizes(6, 8), (group, index) -> random.nextInt(2));
        calls.add("real rewards", sizes(6, 8), (group, index) -> random.nextDouble(-3, 5));
        calls.add("rollouts without a reward", sizes(6, 8),
                (group, index) -> random.nextInt(3) == 0 ? Double.NaN : random.nextInt(2));
        calls.add("groups without a reward", sizes(6, 5), (group, index) -> group % 2 == 0 ? Double.NaN : index % 2);
        calls.add("one rollout with a reward", sizes(3, 4), (group, index) -> group + index == 0 ? 1 : Double.NaN);
        calls.add("degenerate groups", sizes(8, 6), (group, index) -> group % 2 == 0 ? 1 : random.nextInt(2));
        calls.add("one informative group", sizes(8, 6), (group, index) -> group == 5 ? index % 3 : 0);
        calls.add("nothing informative", sizes(5, 4), (group, index) -> 0);
        calls.add("groups of one rollout", sizes(9, 1), (group, index) -> random.nextInt(2));
        calls.add("groups of unequal size", new int[]{1, 7, 2, 12, 3, 1, 5}, (group, index) -> random.nextInt(3));
        calls.add("ties everywhere", sizes(8, 8), (group, index) -> index % 2);
        calls.add("one reward far from all others", sizes(4, 8), (group, index) -> group + index == 0 ? 1e9 : 0);
        calls.add("a large batch", sizes(128, 16),
                (group, index) -> group % 3 == 0 ? 0 : random.nextInt(10) == 0 ? Double.NaN : random.nextInt(2));
        return calls.calls;
    }

    private static int[] sizes(int groups, int size) {
        int[] sizes = new int[groups];
        Arrays.fill(sizes, size);
        return sizes;
    }

    private void add(String name, int[] sizes, Reward rewards) {
        int total = Arrays.stream(sizes).sum();
        int[] group = new int[total];
        double[] reward = new double[total];
        double[] advantage = new double[total];
        int[] length = new int[total];
        int start = 0;
        for (int g = 0; g < sizes.length; g++) {
            for (int i = 0; i < sizes[g]; i++) {
                group[start + i] = g;
                reward[start + i] = rewards.of(g, i);
                length[start + i] = random.nextInt(1, 65);
            }
            advantages(reward, advantage, start, start + sizes[g]);
            start += sizes[g];
        }
        RolloutBatch batch = new RolloutBatch(group, sizes.length, reward, advantage, length);
        for (double keepRatio : KEEP_RATIOS) {
            calls.add(new Call<>(name, total + " rollouts in " + sizes.length + " groups", batch, keepRatio,
                    random.nextLong()));
        }
    }

    /** (reward - mean) / standard deviation over the graded rollouts of a group; 0 where they are all equal. */
    private static void advantages(double[] reward, double[] advantage, int start, int end) {
        double[] graded = Arrays.stream(reward, start, end).filter(value -> !Double.isNaN(value)).toArray();
        double mean = Arrays.stream(graded).average().orElse(0);
        double squares = Arrays.stream(graded).map(value -> (value - mean) * (value - mean)).sum();
        boolean degenerate = Arrays.stream(graded).distinct().count() <= 1;
        for (int i = start; i < end; i++) {
            advantage[i] = degenerate || Double.isNaN(reward[i])
                    ? 0
                    : (reward[i] - mean) / (Math.sqrt(squares / (graded.length - 1)) + 1e-4);
        }
    }
}

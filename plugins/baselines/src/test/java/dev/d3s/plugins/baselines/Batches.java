package dev.d3s.plugins.baselines;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;

import dev.d3s.spi.RolloutBatch;

/** Random batches as a step may bring them. */
final class Batches {
    private Batches() {}

    /**
     * Groups of 1 to {@code largestGroup} rollouts; rewards 0 and 1, or any; some groups degenerate, some rollouts ungraded.
     */
    static RolloutBatch of(int groups, int largestGroup, long seed) {
        Random random = new Random(seed);
        int[] sizes = IntStream.range(0, groups).map(g -> 1 + random.nextInt(largestGroup)).toArray();
        int[] group = IntStream.range(0, groups).flatMap(g -> IntStream.range(0, sizes[g]).map(i -> g)).toArray();
        double[] chance = random.doubles(groups).map(d -> Math.clamp(1.5 * d - 0.25, 0, 1)).toArray();
        boolean any = random.nextBoolean();
        double[] reward = Arrays.stream(group)
            .mapToDouble(g -> random.nextInt(9) == 0
                    ? Double.NaN
                    : random.nextDouble() >= chance[g] ? 0 : any ? random.nextDouble() : 1)
            .toArray();
        double[] advantage = new double[group.length];
        for (int i = 0; i < group.length; i++) {
            int g = group[i];
            double[] graded = IntStream.range(0, group.length)
                .filter(j -> group[j] == g)
                .mapToDouble(j -> reward[j])
                .filter(r -> !Double.isNaN(r))
                .toArray();
            double mean = Arrays.stream(graded).average().orElse(0);
            double squares = Arrays.stream(graded).map(r -> (r - mean) * (r - mean)).sum();
            if (!Double.isNaN(reward[i]) && Arrays.stream(graded).distinct().count() > 1) {
                advantage[i] = (reward[i] - mean) / (Math.sqrt(squares / (graded.length - 1)) + 1e-4);
            }
        }
        return new RolloutBatch(group, groups, reward, advantage, new int[group.length]);
    }
}

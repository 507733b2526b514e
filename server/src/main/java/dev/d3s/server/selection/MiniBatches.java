package dev.d3s.server.selection;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * How the kept rollouts of a step are dealt out to mini-batches, each of which is one optimizer step. Between token
 * selection and the policy update; pure arithmetic, a function of the job's seed, the step and the iteration alone, so that
 * a resumed job deals the same.
 *
 * <p>
 * Ours: rollouts with a kept token are dealt first, then those without. Each mini-batch therefore has something to train on,
 * and its share of the rollouts that only count in the denominators of the undropped loss.
 */
public final class MiniBatches {
    private MiniBatches() {}

    /**
     * @param kept {@code [K][T]}, ragged in T
     * @param wanted mini-batches, at least 1; there are fewer when fewer rollouts have a kept token
     * @param iteration from 0; each has an order of its own
     * @return rows of {@code kept}, ascending in each mini-batch; sizes differ by at most 1
     */
    public static List<int[]> of(boolean[][] kept, int wanted, long jobSeed, int step, int iteration) {
        int[] rows = IntStream.range(0, kept.length).toArray();
        int[] trained = Arrays.stream(rows).filter(row -> hasToken(kept[row])).toArray();
        int count = Math.min(wanted, trained.length);
        if (count <= 1) {
            return List.of(rows);
        }
        SplittableRandom random = new SplittableRandom(
                SelectionSeed.of(jobSeed, step, SelectionSeed.Level.MINI_BATCHES) + iteration);
        int[] others = Arrays.stream(rows).filter(row -> !hasToken(kept[row])).toArray();
        int[] order = IntStream
            .concat(Arrays.stream(shuffled(trained, random)), Arrays.stream(shuffled(others, random)))
            .toArray();
        List<int[]> miniBatches = new ArrayList<>();
        for (int first = 0; first < count; first++) {
            miniBatches.add(IntStream.iterate(first, position -> position < order.length, position -> position + count)
                .map(position -> order[position])
                .sorted()
                .toArray());
        }
        return miniBatches;
    }

    private static boolean hasToken(boolean[] kept) {
        for (boolean token : kept) {
            if (token) {
                return true;
            }
        }
        return false;
    }

    /** Fisher and Yates. */
    private static int[] shuffled(int[] values, SplittableRandom random) {
        for (int last = values.length - 1; last > 0; last--) {
            int chosen = random.nextInt(last + 1);
            int value = values[last];
            values[last] = values[chosen];
            values[chosen] = value;
        }
        return values;
    }
}

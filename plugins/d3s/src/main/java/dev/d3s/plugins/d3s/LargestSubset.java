package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The N largest of R values, in O(R log R). Values equal to the smallest that is kept are chosen among at random, by the
 * seed, each as likely as the other: equal values are the normal case here, and their order in the batch must not matter.
 * When all values are equal, this is a uniformly random subset.
 *
 * <p>
 * Stateless; callable from any thread.
 */
public final class LargestSubset {
    private LargestSubset() {}

    /**
     * @param values {@code [R]} finite
     * @param size N, 0 &lt;= N &lt;= R
     * @param seed decides among equals
     * @return {@code [N]} indices into {@code values}, in ascending order
     */
    public static int[] of(double[] values, int size, long seed) {
        boolean[] marks = marks(values, size, seed);
        int[] kept = new int[size];
        int count = 0;
        for (int i = 0; i < marks.length; i++) {
            if (marks[i]) {
                kept[count++] = i;
            }
        }
        return kept;
    }

    /**
     * @param values {@code [R]} finite
     * @param size N, 0 &lt;= N &lt;= R
     * @param seed decides among equals
     * @return {@code [R]} whether the value is one of the N largest
     */
    public static boolean[] marks(double[] values, int size, long seed) {
        if (size < 0 || size > values.length) {
            throw new IllegalArgumentException("size " + size + " of " + values.length);
        }
        boolean[] kept = new boolean[values.length];
        if (size == 0) {
            return kept;
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        // 0.0 and -0.0 are equal below, so it does not matter that they are sorted one after the other
        double threshold = sorted[values.length - size];
        int above = 0;
        int equal = 0;
        for (int i = 0; i < values.length; i++) {
            kept[i] = values[i] > threshold;
            above += kept[i] ? 1 : 0;
            equal += values[i] == threshold ? 1 : 0;
        }
        // selection sampling (Knuth, volume 2, algorithm S): a uniformly random subset in one pass
        SplittableRandom random = new SplittableRandom(seed);
        int needed = size - above;
        for (int i = 0; needed > 0; i++) {
            if (values[i] == threshold) {
                if (random.nextInt(equal) < needed) {
                    kept[i] = true;
                    needed--;
                }
                equal--;
            }
        }
        return kept;
    }
}

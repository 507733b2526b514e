package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.Comparator;

/**
 * The subset of a given size whose values have the largest variance, exactly, in O(R log R).
 *
 * <p>
 * For values {@code a_1 <= ... <= a_R} and a size N it finds {@code argmax over S, |S| = N} of
 *
 * <pre>
 *   Var(S) = 1/N * sum_{i in S} a_i^2 - (1/N * sum_{i in S} a_i)^2
 * </pre>
 *
 * <p>
 * <b>Claim.</b> Some optimal subset consists of the k lowest and the N - k highest values, for a k in 0..N.
 * <b>Proof sketch.</b> Fix all members of an optimal S but one, x. As a function of x alone the variance is a parabola that
 * opens upwards ({@code (1/N - 1/N^2) x^2 + ...}) with its minimum at the mean m of the other members. So replacing x by a
 * value outside S that is farther from m on the same side never lowers the variance: if x &lt;= m, by any lower unused value;
 * if x &gt;= m, by any higher one. Repeat until no member has an unused value beyond it on its side: members below are then
 * a prefix of the sorted values and members above a suffix. Each exchange moves a member outwards, so this ends.
 *
 * <p>
 * All N + 1 candidates are compared with running sums of a and a^2. The values are shifted by their mean first, so that the
 * difference of squares does not cancel when the values are large and close together. Factors such as N or N - 1 are the
 * same for all candidates: population and sample variance have the same maximum.
 *
 * <p>
 * Source of the criterion: arXiv 2509.22115, section 3.1. Ours: equal values are ordered by a seeded random key, so that
 * which of them are kept does not depend on their position in the batch; and candidates whose variances are equal up to
 * rounding (keeping one more low or one more high value is often the same) are drawn from with the same seed.
 *
 * <p>
 * Stateless; callable from any thread.
 */
public final class MaximumVarianceSubset {
    /** Variances closer than this, relative to the largest, are one variance with rounding errors. */
    private static final double ROUNDING = 1e-12;

    private MaximumVarianceSubset() {}

    /**
     * @param values {@code [R]} finite
     * @param size N, 0 &lt;= N &lt;= R
     * @param split whether k maximises the variance or is half of N
     * @param seed decides among equals
     * @return {@code [N]} indices into {@code values}, in ascending order
     */
    public static int[] of(double[] values, int size, Split split, long seed) {
        if (size < 0 || size > values.length) {
            throw new IllegalArgumentException("size " + size + " of " + values.length);
        }
        int[] order = order(values, seed);
        int lowest = switch (split) {
            case VARIANCE -> bestLowest(values, order, size, seed);
            case BALANCED -> size / 2 + (SeededRandom.bits(seed, -1) < 0 ? size % 2 : 0);
        };
        int[] kept = new int[size];
        System.arraycopy(order, 0, kept, 0, lowest);
        System.arraycopy(order, order.length - (size - lowest), kept, lowest, size - lowest);
        Arrays.sort(kept);
        return kept;
    }

    /** {@code [R]} indices by ascending value, equal values in seeded random order. */
    private static int[] order(double[] values, long seed) {
        Integer[] order = new Integer[values.length];
        long[] random = new long[values.length];
        for (int i = 0; i < values.length; i++) {
            order[i] = i;
            random[i] = SeededRandom.bits(seed, i);
        }
        // adding 0.0 turns -0.0 into 0.0: they are equal advantages
        Arrays.sort(order, Comparator.<Integer>comparingDouble(i -> values[i] + 0.0).thenComparingLong(i -> random[i]));
        return Arrays.stream(order).mapToInt(Integer::intValue).toArray();
    }

    /** The k for which the k lowest and the {@code size - k} highest have the largest variance. */
    private static int bestLowest(double[] values, int[] order, int size, long seed) {
        double mean = Arrays.stream(values).sum() / Math.max(1, values.length);
        // [size + 1] sums over the j lowest and over the j highest of the shifted values
        double[] lowSum = new double[size + 1];
        double[] lowSquares = new double[size + 1];
        double[] highSum = new double[size + 1];
        double[] highSquares = new double[size + 1];
        for (int j = 0; j < size; j++) {
            double low = values[order[j]] - mean;
            double high = values[order[order.length - 1 - j]] - mean;
            lowSum[j + 1] = lowSum[j] + low;
            lowSquares[j + 1] = lowSquares[j] + low * low;
            highSum[j + 1] = highSum[j] + high;
            highSquares[j + 1] = highSquares[j] + high * high;
        }
        double[] spread = new double[size + 1]; // N * Var of each candidate
        double largest = Double.NEGATIVE_INFINITY;
        for (int lowest = 0; lowest <= size; lowest++) {
            double sum = lowSum[lowest] + highSum[size - lowest];
            double squares = lowSquares[lowest] + highSquares[size - lowest];
            spread[lowest] = squares - sum * sum / Math.max(1, size);
            largest = Math.max(largest, spread[lowest]);
        }
        double threshold = largest - ROUNDING * Math.abs(largest);
        int equals = 0;
        for (double candidate : spread) {
            equals += candidate >= threshold ? 1 : 0;
        }
        int drawn = (int) Long.remainderUnsigned(SeededRandom.bits(seed, -1), equals);
        for (int lowest = 0;; lowest++) {
            if (spread[lowest] >= threshold && drawn-- == 0) {
                return lowest;
            }
        }
    }
}

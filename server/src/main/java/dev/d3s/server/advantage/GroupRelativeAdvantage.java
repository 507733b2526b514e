package dev.d3s.server.advantage;

/**
 * The group-relative advantage (GRPO, arXiv 2402.03300, section 4.1.2; arXiv 2509.22115, section 3):
 *
 * <pre>
 *   A_i = (R_i - mean(R_group)) / (std(R_group) + 1e-4)
 * </pre>
 *
 * over all graded rollouts of the group, once, before selection, and never re-centred or re-scaled after it.
 *
 * <p>
 * Ours: the standard deviation is unbiased (ddof 1); the divisor is an option, {@link Scale}; a group whose rewards span no
 * more than {@code minRange} is degenerate and all its advantages are exactly 0, because rewards that are equal but for
 * float noise would otherwise be divided by that noise and come out at full size; for the same reason a reward that is the
 * group's mean but for rounding has advantage 0; a rollout without a reward (NaN) leaves
 * its group's statistics and has advantage 0.
 *
 * <p>
 * Pure arithmetic between grading and rollout selection; callable from any thread.
 */
public final class GroupRelativeAdvantage {
    /** Keeps the quotient bounded when rewards of a group hardly differ. */
    private static final double EPSILON = 1e-4;
    /** Of a mean, relative to the span of the values. */
    private static final double ROUNDING = 1e-12;

    private GroupRelativeAdvantage() {}

    /**
     * @param reward {@code [R]} finite, or NaN where grading failed
     * @param group {@code [R]} 0 &lt;= group &lt; groupCount
     * @param groupCount P
     * @param scale the divisor
     * @param minRange largest span of rewards in a degenerate group, at least 0
     */
    public static Advantages of(double[] reward, int[] group, int groupCount, Scale scale, double minRange) {
        if (reward.length != group.length) {
            throw new IllegalArgumentException(reward.length + " rewards of " + group.length + " rollouts");
        }
        Moments[] moments = new Moments[groupCount];
        for (int g = 0; g < groupCount; g++) {
            moments[g] = new Moments();
        }
        Moments all = new Moments();
        for (int i = 0; i < reward.length; i++) {
            if (!Double.isNaN(reward[i])) {
                moments[group[i]].add(reward[i]);
                all.add(reward[i]);
            }
        }
        boolean[] degenerate = new boolean[groupCount];
        for (int g = 0; g < groupCount; g++) {
            degenerate[g] = moments[g].count < 2 || moments[g].maximum - moments[g].minimum <= minRange;
        }
        double[] advantage = new double[reward.length];
        Moments centred = new Moments();
        for (int i = 0; i < reward.length; i++) {
            if (!Double.isNaN(reward[i])) {
                advantage[i] = degenerate[group[i]] ? 0 : moments[group[i]].centred(reward[i]);
                centred.add(advantage[i]);
            }
        }
        for (int i = 0; i < reward.length; i++) {
            advantage[i] /= switch (scale) {
                case GROUP -> moments[group[i]].std() + EPSILON;
                case BATCH -> centred.std() + EPSILON;
                case NONE -> 1;
            };
        }
        return new Advantages(advantage, degenerate, all.count, all.mean, all.std());
    }

    /** Running mean and squared deviations (Welford 1962): does not cancel when rewards are large and close. */
    private static final class Moments {
        private int count;
        private double mean;
        private double squares;
        private double minimum = Double.POSITIVE_INFINITY;
        private double maximum = Double.NEGATIVE_INFINITY;

        void add(double value) {
            count++;
            double before = value - mean;
            mean += before / count;
            squares += before * (value - mean);
            minimum = Math.min(minimum, value);
            maximum = Math.max(maximum, value);
        }

        /** The distance to the mean; exactly 0 where it is the mean's own rounding error, which would count as a signal. */
        double centred(double value) {
            double distance = value - mean;
            return Math.abs(distance) <= ROUNDING * (maximum - minimum) ? 0 : distance;
        }

        double std() {
            return count < 2 ? 0 : Math.sqrt(squares / (count - 1));
        }
    }
}

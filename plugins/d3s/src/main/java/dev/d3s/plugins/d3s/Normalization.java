package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;

/**
 * Which rollouts of a group give the mean and the standard deviation of its advantages.
 *
 * <p>
 * D3S computes them over the whole group, before anything is dropped (arXiv 2509.22115, section 3). PODS does so afterwards,
 * over the n rollouts of the group that are kept (arXiv 2504.13818, section 3):
 *
 * <pre>
 *   A_i = (R_i - mean({R_j : j kept})) / (std({R_j : j kept}) + 1e-4)
 * </pre>
 *
 * <p>
 * Ours: the standard deviation is unbiased (ddof 1) and 1e-4 is added to it, as the server does for whole groups, whatever
 * scale the job asks for there. A group whose kept rewards span no more than 1e-6, one rollout above all, has nothing to
 * compare: all its advantages are exactly 0. Unless rollouts of advantage 0 are wanted, such a group is not kept at all.
 */
public enum Normalization {
    /** All of them: the advantages stay what they were. */
    GROUP,
    /** Those that are kept. */
    KEPT;

    private static final String KEY = "normalize";
    private static final double EPSILON = 1e-4;
    private static final double MINIMUM_RANGE = 1e-6;

    /** The option {@code normalize}, with a default. */
    public static ConfigKey key(Normalization otherwise) {
        return new ConfigKey.Choice(KEY, switch (otherwise) {
            case GROUP -> "group";
            case KEPT -> "kept";
        }, List.of("group", "kept"), "[ours] which rollouts of a group give the mean and standard deviation of the"
                + " advantages that are trained with: group is all of them, as in D3S, kept is those that are kept, as in"
                + " PODS");
    }

    /** The value of the option. */
    public static Normalization of(PluginConfig config) {
        return config.text(KEY).equals("kept") ? KEPT : GROUP;
    }

    /**
     * The kept rollouts with the advantages to train with.
     *
     * @param kept {@code [K]} indices of graded rollouts
     * @param withZeroAdvantage whether groups that have nothing to compare are kept, with advantage 0; KEPT only
     */
    public RolloutSelection apply(RolloutBatch batch, int[] kept, boolean withZeroAdvantage) {
        return switch (this) {
            case GROUP -> RolloutSelection.of(kept);
            case KEPT -> normalized(batch, kept, withZeroAdvantage);
        };
    }

    private static RolloutSelection normalized(RolloutBatch batch, int[] kept, boolean withZeroAdvantage) {
        int groups = batch.groupCount();
        int[] count = new int[groups];
        double[] mean = new double[groups];
        double[] squares = new double[groups];
        double[] lowest = new double[groups];
        double[] highest = new double[groups];
        Arrays.fill(lowest, Double.POSITIVE_INFINITY);
        Arrays.fill(highest, Double.NEGATIVE_INFINITY);
        for (int rollout : kept) {
            int group = batch.group()[rollout];
            double reward = batch.reward()[rollout];
            // Welford 1962: does not cancel when rewards are large and close
            count[group]++;
            double before = reward - mean[group];
            mean[group] += before / count[group];
            squares[group] += before * (reward - mean[group]);
            lowest[group] = Math.min(lowest[group], reward);
            highest[group] = Math.max(highest[group], reward);
        }
        int[] trained = new int[kept.length];
        double[] advantage = new double[kept.length];
        int size = 0;
        for (int rollout : kept) {
            int group = batch.group()[rollout];
            boolean degenerate = highest[group] - lowest[group] <= MINIMUM_RANGE;
            if (!degenerate || withZeroAdvantage) {
                trained[size] = rollout;
                advantage[size++] = degenerate
                        ? 0
                        : (batch.reward()[rollout] - mean[group])
                                / (Math.sqrt(squares[group] / (count[group] - 1)) + EPSILON);
            }
        }
        return RolloutSelection.of(Arrays.copyOf(trained, size)).withAdvantage(Arrays.copyOf(advantage, size));
    }
}

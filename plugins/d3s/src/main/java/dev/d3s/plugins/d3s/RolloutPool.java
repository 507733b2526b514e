package dev.d3s.plugins.d3s;

import java.util.Arrays;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.RolloutBatch;

/**
 * The part of rollout selection that both levels of grouping share: from some rollouts keep those whose advantages vary
 * most, leaving out what carries no signal.
 *
 * @param split how many come from each end of the advantages
 * @param fillWithZeroAdvantage whether rollouts with advantage 0 may be kept to reach the number asked for
 */
record RolloutPool(Split split, boolean fillWithZeroAdvantage) {
    static final String FILL_KEY = "fill_with_zero_advantage";

    static ConfigKey fillKey() {
        return new ConfigKey.Flag(FILL_KEY, false,
                "[ours] whether to fill up with rollouts of advantage 0 when too few others exist; false keeps fewer"
                        + " rollouts, because those add nothing but KL");
    }

    /**
     * @param candidates indices into the batch, each once
     * @param wanted how many to keep at most
     * @return those kept, none of them ungraded; possibly none
     */
    int[] select(RolloutBatch batch, int[] candidates, int wanted, long seed) {
        int[] pool = Arrays.stream(candidates)
            .filter(i -> batch.graded(i) && (fillWithZeroAdvantage || batch.advantage()[i] != 0))
            .toArray();
        if (pool.length <= wanted) {
            return pool;
        }
        double[] advantages = Arrays.stream(pool).mapToDouble(i -> batch.advantage()[i]).toArray();
        return Arrays.stream(MaximumVarianceSubset.of(advantages, wanted, split, seed)).map(i -> pool[i]).toArray();
    }

    /** The rounded share of {@code size}, at least 1. */
    static int wanted(double keepRatio, int size) {
        return Math.max(1, (int) Math.round(keepRatio * size));
    }
}

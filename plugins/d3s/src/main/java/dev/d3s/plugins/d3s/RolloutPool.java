package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.stream.IntStream;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;

/**
 * What all rollout selectors with a keep ratio share: from the candidates among some rollouts, keep so many of them by a
 * rule, for each group or over the whole batch.
 *
 * <p>
 * Ours: round(keepRatio * rollouts) are kept, at least 1, where rollouts counts all of the group or batch, candidates or
 * not; when there are fewer candidates, all of them are. Pure; callable from any thread.
 *
 * @param candidates which rollouts may be kept
 * @param key what the rule looks at
 * @param rule chooses among the candidates
 */
public record RolloutPool(Candidates candidates, Key key, Subset rule) {
    private static final String FILL_KEY = "fill_with_zero_advantage";

    /** One number per rollout. */
    @FunctionalInterface
    public interface Key {
        /** @return finite, for a graded rollout */
        double of(RolloutBatch batch, int rollout);
    }

    /** The pool of D3S: the advantages that vary most. */
    static RolloutPool ofAdvantages(Split split, boolean fillWithZeroAdvantage) {
        return new RolloutPool(fillWithZeroAdvantage ? Candidates.GRADED : Candidates.INFORMATIVE,
                (batch, rollout) -> batch.advantage()[rollout],
                (values, size, seed) -> MaximumVarianceSubset.of(values, size, split, seed));
    }

    /** The option {@code fill_with_zero_advantage}. */
    public static ConfigKey fillKey() {
        return new ConfigKey.Flag(FILL_KEY, false,
                "[ours] whether to fill up with rollouts of advantage 0 when too few others exist; false keeps fewer"
                        + " rollouts, because those add nothing but KL");
    }

    /** The value of the option. */
    public static boolean fill(PluginConfig config) {
        return config.flag(FILL_KEY);
    }

    /** What is kept when every group keeps its share: indices into the batch in ascending order, possibly none. */
    public int[] ofEachGroup(RolloutBatch batch, double keepRatio, long seed) {
        boolean[] candidate = candidates.of(batch);
        int[] kept = new int[batch.size()];
        int count = 0;
        int start = 0;
        while (start < batch.size()) {
            int group = batch.group()[start];
            int end = start;
            while (end < batch.size() && batch.group()[end] == group) {
                end++;
            }
            int[] pool = IntStream.range(start, end).filter(i -> candidate[i]).toArray();
            for (int rollout : select(batch, pool, wanted(keepRatio, end - start), SeededRandom.bits(seed, group))) {
                kept[count++] = rollout;
            }
            start = end;
        }
        return Arrays.copyOf(kept, count);
    }

    /** What is kept when the rollouts of all groups compete: indices into the batch in ascending order, possibly none. */
    public int[] ofBatch(RolloutBatch batch, double keepRatio, long seed) {
        return among(IntStream.range(0, batch.size()).toArray(), batch, keepRatio, seed);
    }

    /** As {@link #ofBatch}, but only these rollouts compete. The share is still of the whole batch. */
    int[] among(int[] rollouts, RolloutBatch batch, double keepRatio, long seed) {
        boolean[] candidate = candidates.of(batch);
        int[] pool = Arrays.stream(rollouts).filter(i -> candidate[i]).toArray();
        return select(batch, pool, wanted(keepRatio, batch.size()), SeededRandom.bits(seed, 0));
    }

    private int[] select(RolloutBatch batch, int[] pool, int wanted, long seed) {
        if (pool.length <= wanted) {
            return pool;
        }
        double[] keys = Arrays.stream(pool).mapToDouble(i -> key.of(batch, i)).toArray();
        return Arrays.stream(rule.of(keys, wanted, seed)).map(i -> pool[i]).toArray();
    }

    /** The rounded share of {@code size}, at least 1. */
    private static int wanted(double keepRatio, int size) {
        return Math.max(1, (int) Math.round(keepRatio * size));
    }
}

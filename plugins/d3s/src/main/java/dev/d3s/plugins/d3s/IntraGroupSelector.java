package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/**
 * {@code d3s-intra}: keeps, in each group, the N_s of its G rollouts whose advantages have the largest variance
 * (arXiv 2509.22115, section 3.1; D3S-I, and the rollout level of D1S).
 *
 * <p>
 * Ours: N_s = round(keepRatio * G), at least 1; rollouts with advantage 0 are not kept, so a degenerate group keeps none;
 * equal advantages are chosen among at random, by the seed. Pure; see {@link RolloutSelector} for threads.
 */
final class IntraGroupSelector implements RolloutSelector {
    private final RolloutPool pool;

    IntraGroupSelector(RolloutPool pool) {
        this.pool = pool;
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        return RolloutSelection.of(kept(batch, keepRatio, seed));
    }

    int[] kept(RolloutBatch batch, double keepRatio, long seed) {
        int[] kept = new int[batch.size()];
        int count = 0;
        int start = 0;
        while (start < batch.size()) {
            int group = batch.group()[start];
            int end = start;
            while (end < batch.size() && batch.group()[end] == group) {
                end++;
            }
            int[] members = IntStream.range(start, end).toArray();
            int wanted = RolloutPool.wanted(keepRatio, members.length);
            for (int rollout : pool.select(batch, members, wanted, SeededRandom.bits(seed, group))) {
                kept[count++] = rollout;
            }
            start = end;
        }
        return Arrays.copyOf(kept, count);
    }

    static final class Factory implements RolloutSelectorFactory {
        @Override
        public String name() {
            return "d3s-intra";
        }

        @Override
        public String description() {
            return "Per group, the rollouts whose advantages have the largest variance (D3S-I, arXiv 2509.22115).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(Split.key(), RolloutPool.fillKey());
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return new IntraGroupSelector(new RolloutPool(Split.of(config), config.flag(RolloutPool.FILL_KEY)));
        }
    }
}

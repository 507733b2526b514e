package dev.d3s.plugins.d3s;

import java.util.List;
import java.util.stream.IntStream;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/**
 * {@code d3s-cross}: keeps, over the whole batch, the N of R rollouts whose advantages have the largest variance
 * (arXiv 2509.22115, section 3.1; the default of D3S).
 *
 * <p>
 * Ours: N = round(keepRatio * R), at least 1; the pool is all R rollouts, or with {@code pool: intra} the union of what
 * {@code d3s-intra} keeps of each group; rollouts with advantage 0 are not kept, even when that makes fewer than N; equal
 * advantages are chosen among at random, by the seed. Pure; see {@link RolloutSelector} for threads.
 */
final class CrossGroupSelector implements RolloutSelector {
    /** Where the rollouts that compete come from. */
    private sealed interface Pool {
        /** All of the batch. */
        record Batch() implements Pool {}

        /** The union of what each group keeps at its own ratio. */
        record Intra(double keepRatio) implements Pool {}
    }

    private final Pool pool;
    private final RolloutPool rollouts;

    private CrossGroupSelector(Pool pool, RolloutPool rollouts) {
        this.pool = pool;
        this.rollouts = rollouts;
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        int[] candidates = switch (pool) {
            case Pool.Batch() -> IntStream.range(0, batch.size()).toArray();
            case Pool.Intra(double groupRatio) ->
                new IntraGroupSelector(rollouts).kept(batch, groupRatio, SeededRandom.bits(seed, 1));
        };
        int wanted = RolloutPool.wanted(keepRatio, batch.size());
        return RolloutSelection.of(rollouts.select(batch, candidates, wanted, SeededRandom.bits(seed, 0)));
    }

    static final class Factory implements RolloutSelectorFactory {
        @Override
        public String name() {
            return "d3s-cross";
        }

        @Override
        public String description() {
            return "Over the whole batch, the rollouts whose advantages have the largest variance"
                    + " (D3S, arXiv 2509.22115).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(
                    new ConfigKey.Choice("pool", "batch", List.of("batch", "intra"),
                            "[ours] which rollouts compete: batch is all of them, intra is the union of what d3s-intra"
                                    + " keeps of each group at intra_keep"),
                    new ConfigKey.Real("intra_keep", 0.5, 0, true, 1,
                            "[ours] share of each group that d3s-intra keeps first; used with pool intra only"),
                    Split.key(), RolloutPool.fillKey());
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            Pool pool = config.text("pool").equals("intra")
                    ? new Pool.Intra(config.real("intra_keep"))
                    : new Pool.Batch();
            return new CrossGroupSelector(pool,
                    new RolloutPool(Split.of(config), config.flag(RolloutPool.FILL_KEY)));
        }
    }
}

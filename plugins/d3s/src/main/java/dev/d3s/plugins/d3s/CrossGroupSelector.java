package dev.d3s.plugins.d3s;

import java.util.List;

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
 * advantages are chosen among at random, by the seed; {@link Normalization} is an option. Pure; see
 * {@link RolloutSelector} for threads.
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
    private final Split split;
    private final Normalization normalization;
    private final boolean fillWithZeroAdvantage;

    private CrossGroupSelector(Pool pool, Split split, Normalization normalization, boolean fillWithZeroAdvantage) {
        this.pool = pool;
        this.split = split;
        this.normalization = normalization;
        this.fillWithZeroAdvantage = fillWithZeroAdvantage;
    }

    /** With all rollouts of the batch competing. */
    CrossGroupSelector(Split split, Normalization normalization, boolean fillWithZeroAdvantage) {
        this(new Pool.Batch(), split, normalization, fillWithZeroAdvantage);
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        RolloutPool advantages = RolloutPool.ofAdvantages(split, fillWithZeroAdvantage);
        int[] kept = switch (pool) {
            case Pool.Batch() -> advantages.ofBatch(batch, keepRatio, seed);
            case Pool.Intra(double groupRatio) ->
                advantages.among(advantages.ofEachGroup(batch, groupRatio, SeededRandom.bits(seed, 1)), batch,
                        keepRatio, seed);
        };
        return normalization.apply(batch, kept, fillWithZeroAdvantage);
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
                    Split.key(), Normalization.key(Normalization.GROUP), RolloutPool.fillKey());
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            Pool pool = config.text("pool").equals("intra")
                    ? new Pool.Intra(config.real("intra_keep"))
                    : new Pool.Batch();
            return new CrossGroupSelector(pool, Split.of(config), Normalization.of(config), RolloutPool.fill(config));
        }
    }
}

package dev.d3s.plugins.d3s;

import java.util.List;

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
 * equal advantages are chosen among at random, by the seed; {@link Normalization} is an option. Pure; see
 * {@link RolloutSelector} for threads.
 */
final class IntraGroupSelector implements RolloutSelector {
    private final Split split;
    private final Normalization normalization;
    private final boolean fillWithZeroAdvantage;

    IntraGroupSelector(Split split, Normalization normalization, boolean fillWithZeroAdvantage) {
        this.split = split;
        this.normalization = normalization;
        this.fillWithZeroAdvantage = fillWithZeroAdvantage;
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        int[] kept = RolloutPool.ofAdvantages(split, fillWithZeroAdvantage).ofEachGroup(batch, keepRatio, seed);
        return normalization.apply(batch, kept, fillWithZeroAdvantage);
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
            return List.of(Split.key(), Normalization.key(Normalization.GROUP), RolloutPool.fillKey());
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return new IntraGroupSelector(Split.of(config), Normalization.of(config), RolloutPool.fill(config));
        }
    }
}

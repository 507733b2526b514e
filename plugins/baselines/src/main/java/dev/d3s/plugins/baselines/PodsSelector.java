package dev.d3s.plugins.baselines;

import java.util.List;

import dev.d3s.plugins.d3s.Candidates;
import dev.d3s.plugins.d3s.MaximumVarianceSubset;
import dev.d3s.plugins.d3s.Normalization;
import dev.d3s.plugins.d3s.RolloutPool;
import dev.d3s.plugins.d3s.Split;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/**
 * {@code pods}: keeps, in each group, the n of its G rollouts whose rewards have the largest variance, and computes the
 * advantages over those n (PODS with max-variance down-sampling, arXiv 2504.13818, section 3):
 *
 * <pre>
 *   S = argmax over S, |S| = n, of Var({R_i : i in S})        A_i = (R_i - mean_S) / (std_S + 1e-4)
 * </pre>
 *
 * <p>
 * Within a group the advantage is an increasing affine function of the reward, so the subset is also one whose advantages
 * vary most: {@code d3s-intra} with {@code normalize: kept} is the same selector, but that it never keeps a rollout whose
 * reward is exactly its group's mean.
 *
 * <p>
 * Ours: n = round(keepRatio * G), at least 1; a group whose rewards, or kept rewards, are all equal keeps none, unless
 * rollouts of advantage 0 are asked for, as the paper has it; see {@link Normalization} for the divisor; equal rewards are
 * chosen among at random, by the seed. Pure; see {@link RolloutSelector} for threads.
 */
final class PodsSelector implements RolloutSelector {
    private final Normalization normalization;
    private final boolean fillWithZeroAdvantage;
    private final RolloutPool pool;

    private PodsSelector(Normalization normalization, boolean fillWithZeroAdvantage) {
        this.normalization = normalization;
        this.fillWithZeroAdvantage = fillWithZeroAdvantage;
        this.pool = new RolloutPool(
                fillWithZeroAdvantage ? Candidates.GRADED : Candidates.OF_INFORMATIVE_GROUPS,
                (batch, rollout) -> batch.reward()[rollout],
                (values, size, seed) -> MaximumVarianceSubset.of(values, size, Split.VARIANCE, seed));
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        return normalization.apply(batch, pool.ofEachGroup(batch, keepRatio, seed), fillWithZeroAdvantage);
    }

    static final class Factory implements RolloutSelectorFactory {
        @Override
        public String name() {
            return "pods";
        }

        @Override
        public String description() {
            return "Per group, the rollouts whose rewards have the largest variance, with advantages computed over those"
                    + " (PODS, arXiv 2504.13818).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(Normalization.key(Normalization.KEPT), RolloutPool.fillKey());
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return new PodsSelector(Normalization.of(config), RolloutPool.fill(config));
        }
    }
}

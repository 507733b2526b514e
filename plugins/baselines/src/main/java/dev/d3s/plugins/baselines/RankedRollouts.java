package dev.d3s.plugins.baselines;

import java.util.List;

import dev.d3s.plugins.d3s.Candidates;
import dev.d3s.plugins.d3s.LargestSubset;
import dev.d3s.plugins.d3s.RolloutPool;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/**
 * The rollouts that come first in a ranking, per group or over the batch. Three selectors differ in what they rank by:
 *
 * <ul>
 * <li>{@code random}: nothing. All are equal, so each subset is as likely as the other.</li>
 * <li>{@code max-reward}: R_i, the largest first (a comparison in arXiv 2504.13818, section 3).</li>
 * <li>{@code max-abs-advantage}: |A_i|, the largest first.</li>
 * </ul>
 *
 * <p>
 * Ours: round(keepRatio * rollouts) of the group or batch, at least 1; only rollouts with A != 0 compete, as in D3S, so
 * that a comparison with D3S differs in the rule alone; equals are chosen among at random, by the seed. Pure; see
 * {@link RolloutSelector} for threads.
 */
final class RankedRollouts implements RolloutSelector {
    /** Rollouts that are ranked against each other. */
    private enum Scope {
        GROUP, BATCH
    }

    private final Scope scope;
    private final RolloutPool pool;

    private RankedRollouts(Scope scope, RolloutPool pool) {
        this.scope = scope;
        this.pool = pool;
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        return RolloutSelection.of(switch (scope) {
            case GROUP -> pool.ofEachGroup(batch, keepRatio, seed);
            case BATCH -> pool.ofBatch(batch, keepRatio, seed);
        });
    }

    /**
     * Makes one of the three.
     *
     * @param name by which a job chooses it
     * @param description for people
     * @param scope its default
     * @param key what it ranks by
     */
    record Factory(String name, String description, String scope,
            RolloutPool.Key key) implements RolloutSelectorFactory {
        static final Factory RANDOM = new Factory("random", "Random rollouts: how much of a gain is due to the choice.",
                "group", (batch, rollout) -> 0);
        // rewards of different prompts need not be comparable
        static final Factory MAX_REWARD = new Factory("max-reward", "The rollouts with the largest rewards.", "group",
                (batch, rollout) -> batch.reward()[rollout]);
        static final Factory MAX_ABS_ADVANTAGE = new Factory("max-abs-advantage",
                "The rollouts whose advantages are farthest from 0.", "batch",
                (batch, rollout) -> Math.abs(batch.advantage()[rollout]));

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(
                    new ConfigKey.Choice("scope", scope, List.of("group", "batch"),
                            "[ours] which rollouts are ranked against each other: group is those of one prompt, batch is"
                                    + " all"),
                    new ConfigKey.Flag("informative_only", true,
                            "[ours] whether only rollouts with an advantage other than 0 may be kept, as in D3S"));
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return new RankedRollouts(config.text("scope").equals("group") ? Scope.GROUP : Scope.BATCH,
                    new RolloutPool(config.flag("informative_only") ? Candidates.INFORMATIVE : Candidates.GRADED, key,
                            LargestSubset::of));
        }
    }
}

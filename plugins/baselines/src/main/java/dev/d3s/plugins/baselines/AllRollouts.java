package dev.d3s.plugins.baselines;

import java.util.stream.IntStream;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/**
 * {@code all} for rollouts: every graded one, those with advantage 0 included, as GRPO trains (arXiv 2402.03300). The keep
 * ratio has no effect.
 */
final class AllRollouts implements RolloutSelector {
    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        return RolloutSelection.of(IntStream.range(0, batch.size()).filter(batch::graded).toArray());
    }

    static final class Factory implements RolloutSelectorFactory {
        @Override
        public String name() {
            return "all";
        }

        @Override
        public String description() {
            return "Every graded rollout, whatever the keep ratio, as GRPO trains.";
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return new AllRollouts();
        }
    }
}

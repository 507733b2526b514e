package dev.d3s.plugins.baselines;

import java.util.Arrays;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/** {@code all} for tokens: every completion token of the kept rollouts. The keep ratio has no effect. */
final class AllTokens implements TokenSelector {
    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        boolean[][] kept = new boolean[batch.size()][];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = new boolean[batch.entropy()[i].length];
            Arrays.fill(kept[i], true);
        }
        return TokenSelection.of(kept);
    }

    static final class Factory implements TokenSelectorFactory {
        @Override
        public String name() {
            return "all";
        }

        @Override
        public String description() {
            return "Every completion token of the kept rollouts, whatever the keep ratio.";
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new AllTokens();
        }
    }
}

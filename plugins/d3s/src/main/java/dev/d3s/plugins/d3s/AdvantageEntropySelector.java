package dev.d3s.plugins.d3s;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/**
 * {@code advantage-entropy}: keeps the tokens with the largest {@code |A_i,t| * H_i,t}, where H is the entropy of the
 * next-token distribution over the full vocabulary (arXiv 2509.22115, section 3.2).
 *
 * <p>
 * Ours: the ranking is over all tokens of all kept rollouts, because within one rollout |A| is constant and the criterion
 * would be plain entropy; ceil(keepRatio * tokens) are kept, at least one; equal products are chosen among at random, by
 * the seed. Pure; see {@link TokenSelector} for threads.
 */
final class AdvantageEntropySelector implements TokenSelector {
    private final TokenRanking ranking;

    AdvantageEntropySelector(TokenScope scope) {
        this.ranking = new TokenRanking(scope,
                (batch, rollout, token) -> Math.abs(batch.advantage()[rollout]) * batch.entropy()[rollout][token]);
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        return TokenSelection.of(ranking.largest(batch, keepRatio, seed));
    }

    static final class Factory implements TokenSelectorFactory {
        @Override
        public String name() {
            return "advantage-entropy";
        }

        @Override
        public String description() {
            return "The tokens with the largest |advantage| * entropy (D3S, arXiv 2509.22115).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(TokenScope.key());
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new AdvantageEntropySelector(TokenScope.of(config));
        }
    }
}

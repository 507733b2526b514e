package dev.d3s.plugins.baselines;

import java.util.Arrays;
import java.util.List;

import dev.d3s.plugins.d3s.TokenRanking;
import dev.d3s.plugins.d3s.TokenScope;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/**
 * {@code random} for tokens: a simple random sample of k = ceil(keepRatio * n) of the n tokens, of the batch or of each
 * rollout, at least one. Each is kept with probability exactly k / n, so it weighs
 *
 * <pre>
 *   w = n / k        E[sum over kept tokens of w x_t] = sum over all tokens of x_t
 * </pre>
 *
 * <p>
 * Uniform random sampling with Horvitz-Thompson weights is one of the two schemes of NAT (arXiv 2603.06619). Ours: a fixed
 * number instead of independent draws, which scatters less. Nothing is saved before the loss: the forward pass needs every
 * token in front of a kept one. Pure; see {@link TokenSelector} for threads.
 */
final class RandomTokens implements TokenSelector {
    private final TokenScope scope;
    private final TokenRanking ranking;
    private final boolean weighted;

    private RandomTokens(TokenScope scope, boolean weighted) {
        this.scope = scope;
        // all are equal, so each subset is as likely as the other
        this.ranking = new TokenRanking(scope, (batch, rollout, token) -> 0);
        this.weighted = weighted;
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        TokenSelection selection = TokenSelection.of(ranking.largest(batch, keepRatio, seed));
        return weighted ? selection.withWeight(weights(batch, keepRatio)) : selection;
    }

    private float[][] weights(TokenBatch batch, double keepRatio) {
        int tokens = batch.tokenCount();
        float[][] weights = new float[batch.size()][];
        for (int i = 0; i < weights.length; i++) {
            int length = batch.entropy()[i].length;
            int competing = switch (scope) {
                case BATCH -> tokens;
                case ROLLOUT -> length;
            };
            weights[i] = new float[length];
            Arrays.fill(weights[i], (float) competing / TokenRanking.wanted(keepRatio, competing));
        }
        return weights;
    }

    static final class Factory implements TokenSelectorFactory {
        @Override
        public String name() {
            return "random";
        }

        @Override
        public String description() {
            return "Random tokens, weighted so that the loss is unbiased (arXiv 2603.06619).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(TokenScope.key(), HorvitzThompson.key());
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new RandomTokens(TokenScope.of(config), HorvitzThompson.of(config));
        }
    }
}

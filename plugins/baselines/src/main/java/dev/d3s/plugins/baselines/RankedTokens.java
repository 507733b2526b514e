package dev.d3s.plugins.baselines;

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
 * The tokens that come first in a ranking. Two selectors differ in what they rank by, and take the two factors of
 * {@code advantage-entropy} apart:
 *
 * <ul>
 * <li>{@code entropy}: H_i,t, the rule of the forking tokens (arXiv 2506.01939, section 5: the top 20 % of each batch).</li>
 * <li>{@code abs-advantage}: |A_i|. It is the same for all tokens of a rollout, so whole rollouts are kept and a random part
 * of one or of several equal ones; with scope {@code rollout} it is a random choice.</li>
 * </ul>
 *
 * <p>
 * Ours: ceil(keepRatio * tokens), at least one; equals are chosen among at random, by the seed. Pure; see
 * {@link TokenSelector} for threads.
 */
final class RankedTokens implements TokenSelector {
    private final TokenRanking ranking;

    private RankedTokens(TokenRanking ranking) {
        this.ranking = ranking;
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        return TokenSelection.of(ranking.largest(batch, keepRatio, seed));
    }

    /**
     * Makes one of the two.
     *
     * @param name by which a job chooses it
     * @param description for people
     * @param key what it ranks by
     */
    record Factory(String name, String description, TokenRanking.Key key) implements TokenSelectorFactory {
        static final Factory ENTROPY = new Factory("entropy",
                "The tokens with the largest entropy: the 80/20 rule (arXiv 2506.01939).",
                (batch, rollout, token) -> batch.entropy()[rollout][token]);
        static final Factory ABS_ADVANTAGE = new Factory("abs-advantage",
                "The tokens of the rollouts whose advantages are farthest from 0.",
                (batch, rollout, token) -> Math.abs(batch.advantage()[rollout]));

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(TokenScope.key());
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new RankedTokens(new TokenRanking(TokenScope.of(config), key));
        }
    }
}

package dev.d3s.plugins.d3s;

import java.util.Arrays;
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
    /** Tokens that are ranked against each other. */
    enum Scope {
        BATCH, ROLLOUT
    }

    /** Keeps {@code 0.07 * 100 = 7.000000000000001} from asking for 8 tokens; far below one token of any batch. */
    private static final double ROUNDING = 1e-9;

    private final Scope scope;

    AdvantageEntropySelector(Scope scope) {
        this.scope = scope;
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        boolean[][] kept = new boolean[batch.size()][];
        switch (scope) {
            case BATCH -> {
                double[] products = new double[batch.tokenCount()];
                int offset = 0;
                for (int i = 0; i < batch.size(); i++) {
                    offset = products(batch, i, products, offset);
                }
                boolean[] largest = LargestSubset.marks(products, wanted(keepRatio, products.length), seed);
                offset = 0;
                for (int i = 0; i < batch.size(); i++) {
                    int length = batch.entropy()[i].length;
                    kept[i] = Arrays.copyOfRange(largest, offset, offset + length);
                    offset += length;
                }
            }
            case ROLLOUT -> {
                for (int i = 0; i < batch.size(); i++) {
                    double[] products = new double[batch.entropy()[i].length];
                    products(batch, i, products, 0);
                    kept[i] = LargestSubset.marks(products, wanted(keepRatio, products.length),
                            SeededRandom.bits(seed, i));
                }
            }
        }
        return TokenSelection.of(kept);
    }

    /** Writes the products of one rollout and returns the offset behind them. */
    private static int products(TokenBatch batch, int rollout, double[] products, int offset) {
        double advantage = Math.abs(batch.advantage()[rollout]);
        int next = offset;
        for (float entropy : batch.entropy()[rollout]) {
            // adding 0.0 turns -0.0 (an entropy of minus nothing) into 0.0: they are equal
            products[next++] = advantage * entropy + 0.0;
        }
        return next;
    }

    private static int wanted(double keepRatio, int tokens) {
        int wanted = (int) Math.ceil(keepRatio * tokens - ROUNDING);
        return Math.min(Math.max(1, wanted), tokens);
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
            return List.of(new ConfigKey.Choice("scope", "batch", List.of("batch", "rollout"),
                    "[ours] which tokens are ranked against each other: batch is those of all kept rollouts, rollout is"
                            + " those of one rollout, where the ranking is by entropy alone"));
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new AdvantageEntropySelector(config.text("scope").equals("rollout") ? Scope.ROLLOUT : Scope.BATCH);
        }
    }
}

package dev.d3s.spi;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The tokens to keep.
 *
 * @param kept {@code [K][T]}, ragged in T: whether the token's term is part of the loss
 * @param weight {@code [K][T]}, ragged in T: factor on each kept token's term, finite and positive, for selections that
 *            correct their bias (Horvitz-Thompson: 1 / probability of being kept); {@code null} means 1 everywhere
 * @param metrics what the selector reports about this step, see {@link SelectorMetrics}; mostly empty
 */
public record TokenSelection(boolean[][] kept, float @Nullable [][] weight, Map<String, Double> metrics) {
    public TokenSelection {
        metrics = Map.copyOf(metrics);
    }

    /** Keeps these tokens, each with weight 1. */
    public static TokenSelection of(boolean[][] kept) {
        return new TokenSelection(kept, null, Map.of());
    }

    /** The same tokens with these weights. */
    public TokenSelection withWeight(float[][] weights) {
        return new TokenSelection(kept, weights, metrics);
    }

    /** The same selection, reporting this. */
    public TokenSelection withMetrics(Map<String, Double> reported) {
        return new TokenSelection(kept, weight, reported);
    }
}

package dev.d3s.spi;

import org.jspecify.annotations.Nullable;

/**
 * The tokens to keep.
 *
 * @param kept {@code [K][T]}, ragged in T: whether the token's term is part of the loss
 * @param weight {@code [K][T]}, ragged in T: factor on each kept token's term, finite and positive, for selections that
 *            correct their bias (Horvitz-Thompson: 1 / probability of being kept); {@code null} means 1 everywhere
 */
public record TokenSelection(boolean[][] kept, float @Nullable [][] weight) {
    /** Keeps these tokens, each with weight 1. */
    public static TokenSelection of(boolean[][] kept) {
        return new TokenSelection(kept, null);
    }
}

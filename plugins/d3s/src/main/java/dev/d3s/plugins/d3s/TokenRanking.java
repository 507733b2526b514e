package dev.d3s.plugins.d3s;

import java.util.Arrays;

import dev.d3s.spi.TokenBatch;

/**
 * What all token selectors with a ranking share: the largest keys of the batch, or of each rollout.
 *
 * <p>
 * Ours: ceil(keepRatio * tokens) are kept, at least one; equal keys are chosen among at random, by the seed. Pure; callable
 * from any thread.
 *
 * @param scope tokens that are ranked against each other
 * @param key what they are ranked by
 */
public record TokenRanking(TokenScope scope, Key key) {
    /** Keeps {@code 0.07 * 100 = 7.000000000000001} from asking for 8 tokens; far below one token of any batch. */
    private static final double ROUNDING = 1e-9;

    /** One number per token. */
    @FunctionalInterface
    public interface Key {
        /** @return finite */
        double of(TokenBatch batch, int rollout, int token);
    }

    /** @return {@code [K][T]}, ragged in T: whether the token is kept */
    public boolean[][] largest(TokenBatch batch, double keepRatio, long seed) {
        boolean[][] kept = new boolean[batch.size()][];
        switch (scope) {
            case BATCH -> {
                double[] keys = new double[batch.tokenCount()];
                int offset = 0;
                for (int i = 0; i < kept.length; i++) {
                    offset = write(batch, i, keys, offset);
                }
                boolean[] largest = LargestSubset.marks(keys, wanted(keepRatio, keys.length), seed);
                offset = 0;
                for (int i = 0; i < kept.length; i++) {
                    int length = batch.entropy()[i].length;
                    kept[i] = Arrays.copyOfRange(largest, offset, offset + length);
                    offset += length;
                }
            }
            case ROLLOUT -> {
                for (int i = 0; i < kept.length; i++) {
                    double[] keys = new double[batch.entropy()[i].length];
                    write(batch, i, keys, 0);
                    kept[i] = LargestSubset.marks(keys, wanted(keepRatio, keys.length), SeededRandom.bits(seed, i));
                }
            }
        }
        return kept;
    }

    /** Writes the keys of one rollout and returns the offset behind them. */
    private int write(TokenBatch batch, int rollout, double[] keys, int offset) {
        int length = batch.entropy()[rollout].length;
        for (int t = 0; t < length; t++) {
            keys[offset + t] = key.of(batch, rollout, t);
        }
        return offset + length;
    }

    /** How many of so many tokens are kept. */
    public static int wanted(double keepRatio, int tokens) {
        int wanted = (int) Math.ceil(keepRatio * tokens - ROUNDING);
        return Math.min(Math.max(1, wanted), tokens);
    }
}

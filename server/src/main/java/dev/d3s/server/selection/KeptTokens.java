package dev.d3s.server.selection;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The tokens of the K kept rollouts that are trained on, and the figures that are reported about them.
 *
 * @param keepRatio asked for at this step
 * @param kept {@code [K][T]}, ragged in T: whether the token has a loss term
 * @param weight {@code [K][T]}, ragged in T: factor on its term; {@code null} means 1 everywhere
 * @param tokens completion tokens of the kept rollouts
 * @param keptCount tokens with a loss term
 * @param entropyMean over {@code tokens}, nats
 * @param entropyMeanKept over the kept ones, nats
 * @param metrics what the selector itself reports, by its own names
 */
public record KeptTokens(double keepRatio, boolean[][] kept, float @Nullable [][] weight, int tokens, int keptCount,
        double entropyMean, double entropyMeanKept, Map<String, Double> metrics) {
    /** What was kept, not what was asked for. */
    public double keptRatio() {
        return tokens == 0 ? 0 : (double) keptCount / tokens;
    }
}

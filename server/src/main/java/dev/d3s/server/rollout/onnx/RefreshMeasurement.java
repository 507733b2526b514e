package dev.d3s.server.rollout.onnx;

import dev.d3s.server.rollout.RefreshMode;

/**
 * What the two ways of taking over weights cost on this machine with this model, and which one was taken.
 *
 * @param inPlaceTokensPerSecond decode speed on the shared memory
 * @param recreatedTokensPerSecond decode speed with packed matrices
 * @param recreateSeconds time to make the session anew
 * @param breakEvenTokens tokens per refresh above which making it anew is cheaper; infinite when packing gains nothing
 * @param expectedTokens tokens per refresh that were announced
 * @param chosen the mode that follows
 */
public record RefreshMeasurement(double inPlaceTokensPerSecond, double recreatedTokensPerSecond,
        double recreateSeconds, double breakEvenTokens, long expectedTokens, RefreshMode chosen) {
    static RefreshMeasurement of(double inPlaceTokensPerSecond, double recreatedTokensPerSecond,
            double recreateSeconds, long expectedTokens) {
        double saved = 1 / inPlaceTokensPerSecond - 1 / recreatedTokensPerSecond;
        double breakEven = saved > 0 ? recreateSeconds / saved : Double.POSITIVE_INFINITY;
        return new RefreshMeasurement(inPlaceTokensPerSecond, recreatedTokensPerSecond, recreateSeconds, breakEven,
                expectedTokens, expectedTokens > breakEven ? RefreshMode.RECREATE : RefreshMode.IN_PLACE);
    }
}

package dev.d3s.server.selection;

import java.util.Map;

/**
 * The rollouts of one step that are trained on, and the figures that are reported about them.
 *
 * @param keepRatio asked for at this step
 * @param kept {@code [K]} indices into the batch, ascending; empty when nothing was worth training on
 * @param advantage {@code [K]} to train with
 * @param rollouts R, of the batch
 * @param usefulRatio share of all R rollouts with |A| &gt; 0
 * @param usefulRatioKept share of the K kept rollouts with |A| &gt; 0; 0 when K is 0
 * @param advantageVariance population variance of A over all R rollouts
 * @param advantageVarianceKept population variance of A over the kept rollouts; 0 when K is 0
 * @param metrics what the selector itself reports, by its own names
 */
public record KeptRollouts(double keepRatio, int[] kept, double[] advantage, int rollouts, double usefulRatio,
        double usefulRatioKept, double advantageVariance, double advantageVarianceKept,
        Map<String, Double> metrics) {
    /** K. */
    public int size() {
        return kept.length;
    }

    /** K / R: what was kept, not what was asked for. */
    public double keptRatio() {
        return rollouts == 0 ? 0 : (double) kept.length / rollouts;
    }
}

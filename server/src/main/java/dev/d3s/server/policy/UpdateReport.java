package dev.d3s.server.policy;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What one update did, or several {@link #together}. Statistics are over kept tokens.
 *
 * @param updates optimizer steps
 * @param loss the weighted sum that was minimised, before the step
 * @param gradientNorm L2 norm over all gradients, before clipping
 * @param keptTokens tokens with a loss term
 * @param computedTokens tokens that went through the decoder: prompt and completion up to the last kept token, without
 *            padding
 * @param paddedTokens the same with padding
 * @param microBatches forward and backward calls
 * @param clipFractionLow share of tokens clipped at 1 - clipLow, as the {@link Objective} defines it
 * @param clipFractionHigh share of tokens clipped at 1 + clipHigh
 * @param kl mean k3 to the reference policy; 0 without one
 * @param ratioMean mean ratio: r, or s of each token's rollout for {@link Objective.SequenceRatio}
 * @param ratioMax largest of them
 * @param engineGapMean mean |oldLogprobs - rolloutLogprobs|
 * @param engineGapMax largest of them
 * @param policyVersion after the update
 */
public record UpdateReport(int updates, double loss, double gradientNorm, long keptTokens, long computedTokens,
        long paddedTokens,
        int microBatches, double clipFractionLow, double clipFractionHigh, double kl, double ratioMean, double ratioMax,
        double engineGapMean, double engineGapMax, long policyVersion) {
    /**
     * Several updates as one: loss and gradient norm are means over the updates, the other means are over the kept tokens of
     * all of them, counts are sums, and the version is the last.
     *
     * @param reports at least one
     */
    public static UpdateReport together(List<UpdateReport> reports) {
        if (reports.size() == 1) {
            return reports.getFirst();
        }
        return new UpdateReport(reports.stream().mapToInt(UpdateReport::updates).sum(),
                reports.stream().mapToDouble(UpdateReport::loss).average().orElseThrow(),
                reports.stream().mapToDouble(UpdateReport::gradientNorm).average().orElseThrow(),
                reports.stream().mapToLong(UpdateReport::keptTokens).sum(),
                reports.stream().mapToLong(UpdateReport::computedTokens).sum(),
                reports.stream().mapToLong(UpdateReport::paddedTokens).sum(),
                reports.stream().mapToInt(UpdateReport::microBatches).sum(),
                tokenMean(reports, UpdateReport::clipFractionLow), tokenMean(reports, UpdateReport::clipFractionHigh),
                tokenMean(reports, UpdateReport::kl), tokenMean(reports, UpdateReport::ratioMean),
                reports.stream().mapToDouble(UpdateReport::ratioMax).max().orElseThrow(),
                tokenMean(reports, UpdateReport::engineGapMean),
                reports.stream().mapToDouble(UpdateReport::engineGapMax).max().orElseThrow(),
                reports.getLast().policyVersion());
    }

    private static double tokenMean(List<UpdateReport> reports, ToDoubleFunction<UpdateReport> mean) {
        double sum = 0;
        long tokens = 0;
        for (UpdateReport report : reports) {
            sum += report.keptTokens * mean.applyAsDouble(report);
            tokens += report.keptTokens;
        }
        return sum / tokens;
    }
}

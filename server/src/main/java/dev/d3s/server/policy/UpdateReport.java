package dev.d3s.server.policy;

/**
 * What one update did. Statistics are over kept tokens.
 *
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
public record UpdateReport(double loss, double gradientNorm, long keptTokens, long computedTokens, long paddedTokens,
        int microBatches, double clipFractionLow, double clipFractionHigh, double kl, double ratioMean, double ratioMax,
        double engineGapMean, double engineGapMax, long policyVersion) {}

package dev.d3s.server.training;

import dev.d3s.server.selection.LossWeights;

/**
 * The objective of a reinforcement job.
 *
 * @param name how token losses are aggregated
 * @param clipLow lower clip distance of the ratio
 * @param clipHigh upper clip distance
 * @param klBeta weight of the KL term to the starting policy; 0 for none
 * @param importanceCap cap of the correction for the gap between rollout engine and trainer; 0 for no correction
 */
public record ObjectiveSettings(Name name, double clipLow, double clipHigh, double klBeta, double importanceCap) {
    /** How per-token losses become one number. */
    public enum Name {
        /** Mean over the tokens of each rollout, then over rollouts (arXiv 2402.03300). */
        GRPO,
        /** Mean over all tokens of the batch (arXiv 2503.14476). */
        DAPO;

        LossWeights.Aggregation aggregation(LossWeights.Denominator denominator) {
            return switch (this) {
                case GRPO -> new LossWeights.Aggregation.RolloutMean(denominator);
                case DAPO -> new LossWeights.Aggregation.TokenMean(denominator);
            };
        }
    }
}

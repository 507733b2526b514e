package dev.d3s.server.policy;

import org.jspecify.annotations.Nullable;

/**
 * One kept rollout (or supervised row) as the trainer takes it. T is the completion's length; a token whose
 * {@code lossWeight} is 0 was dropped and is not computed.
 *
 * @param tokens prompt and completion
 * @param promptLength where the completion begins, at least 1
 * @param advantage A, the same for all tokens; ignored by cross-entropy
 * @param lossWeight {@code [T]} factor on each token's loss term: the objective's denominators and the selector's weights
 *            are in it, so that the loss is a plain weighted sum whatever the micro-batches
 * @param rolloutLogprobs {@code [T]} from the rollout engine while sampling; {@code null} for supervised rows
 * @param oldLogprobs {@code [T]} the trainer's when the batch of rollouts was made, at kept tokens, and at all of them for
 *            {@link Objective.SequenceRatio}; {@code null} in the first update of the batch, where they equal
 *            policyLogprobs without gradient
 * @param referenceLogprobs {@code [T]} the reference policy's, at kept tokens; {@code null} when there is no KL term
 */
public record TrainingSequence(int[] tokens, int promptLength, double advantage, float[] lossWeight,
        float @Nullable [] rolloutLogprobs, float @Nullable [] oldLogprobs, float @Nullable [] referenceLogprobs) {
    /** T. */
    public int completionLength() {
        return tokens.length - promptLength;
    }

    /** Number of tokens with a loss term. */
    public int keptTokens() {
        int kept = 0;
        for (float weight : lossWeight) {
            if (weight != 0) {
                kept++;
            }
        }
        return kept;
    }
}

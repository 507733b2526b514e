package dev.d3s.server.training;

import dev.d3s.server.advantage.Scale;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.selection.LossWeights.Aggregation;
import dev.d3s.server.selection.LossWeights.Denominator;

/**
 * The objective of a reinforcement job. Its name decides two things that the papers decide together: the loss of a token
 * ({@link Objective}) and the mean over tokens ({@link Aggregation}); the numbers have defaults by name.
 *
 * @param name which objective
 * @param clipLow lower clip distance of the ratio, in [0, 1]
 * @param clipHigh upper clip distance
 * @param klBeta weight of the KL term to the starting policy; 0 for none
 * @param importanceCap cap of the correction for the gap between rollout engine and trainer; 0 for no correction
 */
public record ObjectiveSettings(Name name, double clipLow, double clipHigh, double klBeta, double importanceCap) {
    /** The objectives there are. */
    public enum Name {
        /**
         * GRPO (arXiv 2402.03300): a clipped ratio per token; mean over the tokens of each rollout, then over rollouts.
         * Ours: DAPO's clip distances.
         */
        GRPO(0.2, 0.28, Scale.GROUP),
        /** DAPO (arXiv 2503.14476): GRPO's with a mean over all tokens. */
        DAPO(0.2, 0.28, Scale.GROUP),
        /**
         * Dr. GRPO (arXiv 2503.20783): GRPO's without its two biases. Advantages are not divided by the group's deviation,
         * and the sum over tokens is divided by rollouts * max_tokens, whatever the completions' lengths. Ours: the rollouts
         * are those that were selected, and dropped tokens are missing from the sum, so that its size falls with the keep
         * ratio; the clip distances are those of our GRPO.
         */
        DR_GRPO(0.2, 0.28, Scale.NONE),
        /** GSPO (arXiv 2507.18071): one clipped ratio per rollout; mean over its tokens, then over rollouts. */
        GSPO(3e-4, 4e-4, Scale.GROUP),
        /**
         * CISPO (arXiv 2506.13585): a clipped, detached weight on each token's log-probability; mean over all tokens. The
         * paper has no lower bound, which is what the default is.
         */
        CISPO(1, 4, Scale.GROUP);

        private final double clipLow;
        private final double clipHigh;
        private final Scale scale;

        Name(double clipLow, double clipHigh, Scale scale) {
            this.clipLow = clipLow;
            this.clipHigh = clipHigh;
            this.scale = scale;
        }

        public double defaultClipLow() {
            return clipLow;
        }

        public double defaultClipHigh() {
            return clipHigh;
        }

        /** What advantages are divided by where the job does not say. */
        public Scale defaultScale() {
            return scale;
        }
    }

    /**
     * The loss of a token.
     *
     * @param temperature of sampling
     */
    public Objective objective(double temperature) {
        return switch (name) {
            case GRPO, DAPO, DR_GRPO ->
                new Objective.ClippedRatio(clipLow, clipHigh, klBeta, importanceCap, temperature);
            case GSPO -> new Objective.SequenceRatio(clipLow, clipHigh, klBeta, importanceCap, temperature);
            case CISPO -> new Objective.ClippedWeight(clipLow, clipHigh, klBeta, importanceCap, temperature);
        };
    }

    /**
     * How token losses become one number.
     *
     * @param denominator after dropping tokens; dr-grpo's is fixed
     * @param maxTokens length limit of a completion
     */
    public Aggregation aggregation(Denominator denominator, int maxTokens) {
        return switch (name) {
            case GRPO, GSPO -> new Aggregation.RolloutMean(denominator);
            case DAPO, CISPO -> new Aggregation.TokenMean(denominator);
            case DR_GRPO -> new Aggregation.FixedLength(maxTokens);
        };
    }
}

package dev.d3s.server.policy;

/** The per-token loss l that an update minimises, summed with each token's weight. */
public sealed interface Objective {
    /** Divides the logits before every log-probability. */
    double temperature();

    /**
     * PPO's clipped surrogate as GRPO uses it (arXiv 2402.03300, equation 3), with r = exp(policyLogprobs -
     * oldLogprobs): {@code l = w * -min(r * A, clip(r, 1 - clipLow, 1 + clipHigh) * A) + klBeta * k3}, where k3 =
     * exp(ref - pol) - (ref - pol) - 1 and w = min(exp(oldLogprobs - rolloutLogprobs), importanceCap), detached, corrects
     * the gap between rollout engine and trainer. Log ratios are clamped to +-20.
     *
     * @param clipLow lower clip distance, in [0, 1]
     * @param clipHigh upper clip distance, at least 0
     * @param klBeta weight of the KL term; 0 leaves it out
     * @param importanceCap C of the truncated importance correction; 0 leaves it out
     * @param temperature the sampling temperature, positive
     */
    record ClippedRatio(double clipLow, double clipHigh, double klBeta, double importanceCap,
            double temperature) implements Objective {}

    /** Supervised cross-entropy: {@code l = -policyLogprobs}. */
    record CrossEntropy() implements Objective {
        @Override
        public double temperature() {
            return 1;
        }
    }
}

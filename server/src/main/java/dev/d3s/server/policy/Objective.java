package dev.d3s.server.policy;

/**
 * The per-token loss l that an update minimises, summed with each token's weight. What mean that sum is, is decided by the
 * weights ({@code LossWeights}), not here: grpo, dapo and dr-grpo differ in their weights alone and share
 * {@link ClippedRatio}.
 */
public sealed interface Objective {
    /** Divides the logits before every log-probability. */
    double temperature();

    /**
     * A policy gradient with importance sampling, per kept token: {@code l = w * surrogate + klBeta * k3}, where
     * <ul>
     * <li>A is the rollout's advantage and r = exp(policyLogprobs - oldLogprobs); in the first update of a batch of
     * rollouts r is 1, with the gradient of policyLogprobs;
     * <li>k3 = exp(ref - pol) - (ref - pol) - 1 estimates the KL divergence to the reference policy of each token (Schulman
     * 2020; GRPO, arXiv 2402.03300, equation 4);
     * <li>w = min(exp(oldLogprobs - rolloutLogprobs), importanceCap), detached, corrects the gap between rollout engine and
     * trainer (truncated importance sampling);
     * <li>log ratios are clamped to +-20, in r, w and k3 alike: beyond it a term is constant and has no gradient [ours].
     * </ul>
     */
    sealed interface PolicyGradient extends Objective {
        /** r is clipped at 1 - this; in [0, 1]. */
        double clipLow();

        /** r is clipped at 1 + this; at least 0. */
        double clipHigh();

        /** Weight of the KL term; 0 leaves it out. */
        double klBeta();

        /** C of the truncated importance correction; 0 leaves it out. */
        double importanceCap();
    }

    /**
     * PPO's clipped surrogate as GRPO uses it (arXiv 2402.03300, equation 3), with two clip distances as in DAPO (arXiv
     * 2503.14476, equation 8): {@code surrogate = -min(r * A, clip(r, 1 - clipLow, 1 + clipHigh) * A)}. A token counts as
     * clipped where the clip takes its gradient away: high with A &gt; 0, low with A &lt; 0.
     */
    record ClippedRatio(double clipLow, double clipHigh, double klBeta, double importanceCap,
            double temperature) implements PolicyGradient {}

    /**
     * GSPO (arXiv 2507.18071, equations 5 and 7): as {@link ClippedRatio} with one ratio per rollout, s = exp(mean over t of
     * (policyLogprobs - oldLogprobs)), in place of r. In the token form of the paper's section 4.3 with the same advantage
     * everywhere: a term has the value of s and the gradient of s * policyLogprobs, so that the mean of all terms of a
     * rollout has the value and the gradient of the sequence form.
     *
     * <p>
     * Ours: the mean in s is over all completion tokens, also those whose terms are dropped, because s is a property of the
     * rollout; a token selection decides whose terms, and so whose gradients, are summed. w and k3 stay per token: each
     * term is corrected for how the engine sampled its own token. All kept tokens of a rollout count as clipped when s is.
     */
    record SequenceRatio(double clipLow, double clipHigh, double klBeta, double importanceCap,
            double temperature) implements PolicyGradient {}

    /**
     * CISPO (MiniMax-M1, arXiv 2506.13585, equations 4 and 5): {@code surrogate = -detached(clip(r, 1 - clipLow, 1 +
     * clipHigh)) * A * policyLogprobs}: the weight is clipped, and no token loses its gradient.
     *
     * <p>
     * Ours: w multiplies the clipped weight, so that each has its own limit. Since r is detached, clamping its log only
     * bounds its value. A token counts as clipped when r is outside and A is not 0, whatever the sign of A.
     */
    record ClippedWeight(double clipLow, double clipHigh, double klBeta, double importanceCap,
            double temperature) implements PolicyGradient {}

    /** Supervised cross-entropy: {@code l = -policyLogprobs}. */
    record CrossEntropy() implements Objective {
        @Override
        public double temperature() {
            return 1;
        }
    }
}

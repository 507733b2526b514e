package dev.d3s.server.training;

/**
 * How often a batch of rollouts is used.
 *
 * @param iterations passes over the kept rollouts of a step (mu in GRPO, arXiv 2402.03300, algorithm 1), at least 1
 * @param miniBatches parts of a pass, with one optimizer step each, at least 1
 */
public record UpdateSettings(int iterations, int miniBatches) {
    /** Each batch of rollouts is used once, as a whole: on-policy. */
    public static final UpdateSettings ONCE = new UpdateSettings(1, 1);
}

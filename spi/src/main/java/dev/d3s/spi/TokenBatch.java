package dev.d3s.spi;

/**
 * What a token selector sees: the completions of the K kept rollouts.
 *
 * @param group {@code [K]} the group (prompt) of each kept rollout
 * @param advantage {@code [K]} one per rollout, the same for all its tokens
 * @param entropy {@code [K][T]}, ragged in T: entropy of the next-token distribution over the full vocabulary, at the
 *            sampling temperature, in nats
 * @param logprob {@code [K][T]}, ragged in T: log-probability of the sampled token under that distribution
 */
public record TokenBatch(int[] group, double[] advantage, float[][] entropy, float[][] logprob) {
    /** K. */
    public int size() {
        return advantage.length;
    }

    /** All completion tokens of the batch. */
    public int tokenCount() {
        int count = 0;
        for (float[] row : entropy) {
            count += row.length;
        }
        return count;
    }
}

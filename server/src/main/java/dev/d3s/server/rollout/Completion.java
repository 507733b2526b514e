package dev.d3s.server.rollout;

/**
 * One generated completion.
 *
 * @param identity the rollout's identity
 * @param tokens {@code [T]} generated ids, an end-of-sequence token included
 * @param logprobs {@code [T]} log-probability of each token under the full distribution at the sampling temperature (at
 *            temperature 0: at temperature 1)
 * @param entropies {@code [T]} entropy of that distribution in nats
 * @param finishReason why it ended
 */
public record Completion(long identity, int[] tokens, float[] logprobs, float[] entropies, FinishReason finishReason) {
    public int length() {
        return tokens.length;
    }
}

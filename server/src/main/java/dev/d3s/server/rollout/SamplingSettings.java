package dev.d3s.server.rollout;

/**
 * How completions are drawn.
 *
 * @param maxTokens length limit of a completion, at least 1
 * @param temperature divides the logits; 0 is greedy
 * @param topP keep the smallest set of tokens whose probability reaches this, 1 for all
 * @param topK keep this many most likely tokens, 0 for all
 * @param minP drop tokens less likely than this share of the most likely one, 0 for none
 * @param seed all randomness is a function of (seed, rollout identity, position)
 */
public record SamplingSettings(int maxTokens, double temperature, double topP, int topK, double minP, long seed) {
    /** The whole distribution at this temperature. */
    public static SamplingSettings of(int maxTokens, double temperature, long seed) {
        return new SamplingSettings(maxTokens, temperature, 1, 0, 0, seed);
    }

    /** The most likely token at each position. */
    public static SamplingSettings greedy(int maxTokens) {
        return of(maxTokens, 0, 0);
    }

    /** Whether every token of the vocabulary can be drawn. */
    public boolean untruncated() {
        return topP >= 1 && topK <= 0 && minP <= 0;
    }
}

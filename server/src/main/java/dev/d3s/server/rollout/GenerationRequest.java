package dev.d3s.server.rollout;

/**
 * One prompt and the completions wanted of it: they share the prompt's KV cache.
 *
 * @param prompt token ids, at least one
 * @param identities {@code [G]} one per completion; see {@link RolloutIdentity}
 */
public record GenerationRequest(int[] prompt, long[] identities) {
    /** G. */
    public int groupSize() {
        return identities.length;
    }
}

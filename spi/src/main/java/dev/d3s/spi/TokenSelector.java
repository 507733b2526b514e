package dev.d3s.spi;

/**
 * Decides which completion tokens of the kept rollouts are trained on. Called once per step, after rollout selection.
 * Prompt tokens and padding are never candidates.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>One call at a time per job, never with an empty batch; calls may come from different threads, and what one wrote the
 * next one sees.</li>
 * <li>The arrays are the plugin's to read and not to keep or change.</li>
 * <li>The same arguments give the same answer: an implementation is a pure function of them, {@code seed} included. One
 * that remembers something between steps is a {@link StatefulSelector} too.</li>
 * <li>The server checks the answer: one row per rollout, as long as its completion, at least one token kept.</li>
 * <li>A call that takes longer than the server's limit is interrupted and fails the job, and no other.</li>
 * </ol>
 */
@FunctionalInterface
public interface TokenSelector {
    /**
     * @param batch the completions of the kept rollouts
     * @param keepRatio share of the tokens to keep, 0 &lt; keepRatio &lt;= 1
     * @param seed for tie-breaking and random choice; derived from the job's seed and the step
     */
    TokenSelection select(TokenBatch batch, double keepRatio, long seed);
}

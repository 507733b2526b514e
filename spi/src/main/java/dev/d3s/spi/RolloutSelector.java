package dev.d3s.spi;

/**
 * Decides which rollouts of a batch are trained on. Called once per step, after grading and before any training
 * computation; what it drops is never computed.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>One call at a time per job; calls may come from different threads, and what one wrote the next one sees.</li>
 * <li>The arrays are the plugin's to read and not to keep or change.</li>
 * <li>The same arguments give the same answer: an implementation is a pure function of them, {@code seed} included. One
 * that remembers something between steps is a {@link StatefulSelector} too.</li>
 * <li>The server checks the answer: indices in range, none twice, none of a rollout without a reward.</li>
 * <li>A call that takes longer than the server's limit is interrupted and fails the job, and no other.</li>
 * </ol>
 */
@FunctionalInterface
public interface RolloutSelector {
    /**
     * @param batch all rollouts of the step
     * @param keepRatio share of the rollouts to keep, 0 &lt; keepRatio &lt;= 1
     * @param seed for tie-breaking and random choice; derived from the job's seed and the step
     * @return which to keep; possibly none, in which case the step is skipped and counted
     */
    RolloutSelection select(RolloutBatch batch, double keepRatio, long seed);
}

package dev.d3s.spi;

/**
 * What a rollout selector sees of one step.
 *
 * @param group {@code [R]} the group (prompt) of each rollout, 0 &lt;= group &lt; groupCount; a group's rollouts are
 *            adjacent
 * @param groupCount P
 * @param reward {@code [R]} NaN where grading failed: such a rollout has advantage 0 and must not be kept
 * @param advantage {@code [R]} group-relative, computed over all rollouts of the group before selection
 *            (arXiv 2509.22115, section 3); exactly 0 in a degenerate group
 * @param completionLength {@code [R]} in tokens
 */
public record RolloutBatch(int[] group, int groupCount, double[] reward, double[] advantage, int[] completionLength) {
    /** R. */
    public int size() {
        return group.length;
    }

    /** Whether the rollout was graded. */
    public boolean graded(int rollout) {
        return !Double.isNaN(reward[rollout]);
    }
}

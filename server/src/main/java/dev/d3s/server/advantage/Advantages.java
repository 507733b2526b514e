package dev.d3s.server.advantage;

/**
 * Advantages of one step and what the rewards looked like.
 *
 * @param advantage {@code [R]} finite; exactly 0 for ungraded rollouts and in degenerate groups
 * @param degenerate {@code [P]} whether the group's rewards are all equal, or fewer than two of them are there
 * @param graded rollouts with a reward
 * @param rewardMean over the graded rollouts; 0 when there is none
 * @param rewardStd unbiased standard deviation over the graded rollouts; 0 when there are fewer than two
 */
public record Advantages(double[] advantage, boolean[] degenerate, int graded, double rewardMean, double rewardStd) {
    /** Share of the groups that are degenerate. */
    public double degenerateRatio() {
        int count = 0;
        for (boolean group : degenerate) {
            count += group ? 1 : 0;
        }
        return degenerate.length == 0 ? 0 : (double) count / degenerate.length;
    }

    /** Share of the rollouts without a reward. */
    public double ungradedRatio() {
        return advantage.length == 0 ? 0 : (double) (advantage.length - graded) / advantage.length;
    }
}

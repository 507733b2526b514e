package dev.d3s.spi;

/**
 * A grader: turns one completion into a reward.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>Called from many virtual threads at once; an implementation is thread-safe.</li>
 * <li>Each completion is scored once, within the job's time limit, after which the thread is interrupted.</li>
 * <li>An exception, a time-out or a reward that is not finite makes this one rollout ungraded: it leaves its group's
 * statistics and is never selected; it is not a reward of 0. A job in which every rollout of a step fails ends as failed,
 * with the first of the errors.</li>
 * <li>{@link #close} is called once, when the job ends, however it ends.</li>
 * <li>The server calls {@link #grade}; a grader whose reward has parts implements both methods, so that their rewards are
 * equal.</li>
 * </ol>
 */
@FunctionalInterface
public interface RewardFunction extends AutoCloseable {
    /** @return the reward, finite; higher is better */
    double score(RewardInput input) throws Exception;

    /** @return the reward and, where it has some, its parts */
    default Grade grade(RewardInput input) throws Exception {
        return Grade.of(score(input));
    }

    @Override
    default void close() {}
}

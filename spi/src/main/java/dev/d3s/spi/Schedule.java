package dev.d3s.spi;

/**
 * How a keep ratio moves with training progress (arXiv 2509.22115, section 3.3).
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>One call at a time per job, once for each level at each step; also for steps that were run before, when a job
 * resumes.</li>
 * <li>The same arguments give the same answer: an implementation is a pure function, so that a resumed job sees the same
 * values.</li>
 * <li>The server checks the answer: between the smaller and the larger end.</li>
 * <li>A call that takes longer than the server's limit is interrupted and fails the job, and no other.</li>
 * </ol>
 */
@FunctionalInterface
public interface Schedule {
    /**
     * @param step from 0
     * @param totalSteps at least 1
     * @param from value at the first step
     * @param to value at the last step
     * @return the value at this step, between the smaller and the larger of {@code from} and {@code to}
     */
    double at(int step, int totalSteps, double from, double to);
}

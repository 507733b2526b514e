package dev.d3s.server.training;

/**
 * When checkpoints are written, and which of them stay. One is always written at the end, and that one stays.
 *
 * @param interval every so many steps; 0 for the end only
 * @param minutes also when this many minutes have passed since the last one, between two steps; 0 for never. Measured in real
 *            time, it decides which steps have a checkpoint and nothing else about a run
 * @param keepLast only so many of the newest stay, and the best one; 0 for all
 * @param bestMetric which of those that are older stays: the one with the best value of this metric in its last step
 * @param best what is best
 */
public record CheckpointSettings(int interval, double minutes, int keepLast, String bestMetric, Best best) {
    /** Which value of a metric is best. */
    public enum Best {
        /** The largest. */
        MAX,
        /** The smallest. */
        MIN
    }

    /** All of them, one every so many steps. */
    public static CheckpointSettings every(int interval) {
        return new CheckpointSettings(interval, 0, 0, Metric.ACCURACY.key(), Best.MAX);
    }

    /** How many are still due when so many steps are done, if the others take so many seconds. */
    double dueAfter(int completedSteps, int totalSteps, double seconds) {
        int bySteps = StepInterval.dueAfter(interval, completedSteps, totalSteps);
        return minutes > 0 ? Math.max(bySteps, seconds / (60 * minutes)) : bySteps;
    }
}

package dev.d3s.server.training;

/**
 * Which rollouts of a run are kept for people to look at.
 *
 * @param interval a step every so many, and the first and the last one; 0 for none at all
 * @param groups groups of such a step
 */
public record RecordingSettings(int interval, int groups) {
    /** About as many steps of a run as one would page through. */
    private static final int STEPS = 100;

    /** The interval that records about a hundred steps of a run. */
    public static int intervalFor(int steps) {
        return Math.ceilDiv(steps, STEPS);
    }

    boolean due(int step, int steps) {
        return interval > 0 && (step % interval == 0 || step == steps - 1);
    }
}

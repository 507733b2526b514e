package dev.d3s.server.training;

import java.util.function.LongSupplier;

/** When a checkpoint is due. On the training thread. */
final class CheckpointSchedule {
    private static final double NANOSECONDS_PER_MINUTE = 60e9;

    private final CheckpointSettings settings;
    private final int totalSteps;
    private final LongSupplier nanoTime;
    private long last;

    /** @param nanoTime a clock that never goes back */
    CheckpointSchedule(CheckpointSettings settings, int totalSteps, LongSupplier nanoTime) {
        this.settings = settings;
        this.totalSteps = totalSteps;
        this.nanoTime = nanoTime;
        last = nanoTime.getAsLong();
    }

    boolean due(int completedSteps) {
        boolean byTime = settings.minutes() > 0
                && nanoTime.getAsLong() - last >= settings.minutes() * NANOSECONDS_PER_MINUTE;
        return byTime || StepInterval.due(settings.interval(), completedSteps, totalSteps);
    }

    /** One was written just now. */
    void written() {
        last = nanoTime.getAsLong();
    }
}

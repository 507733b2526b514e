package dev.d3s.server.telemetry;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.training.Metric;
import dev.d3s.server.training.StepReport;

/** Hears of one run, on its thread. Times are {@link System#nanoTime}. What it throws is logged and changes nothing. */
interface RunListener {
    void phase(int step, Metric phase, long started, long ended);

    /** The last step may be reported again by the run that goes on, when it was stopped before its evaluation. */
    void report(StepReport report);

    /** @param bytes of its files */
    void checkpoint(int completedSteps, long bytes, long started, long ended);

    /** @param failure {@code null} when the run came to its end or was stopped */
    void ended(@Nullable Throwable failure);
}

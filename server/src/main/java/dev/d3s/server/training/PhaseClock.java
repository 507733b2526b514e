package dev.d3s.server.training;

import java.util.EnumMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/** Seconds of one step by phase. A phase that is entered twice adds up. Not thread-safe. */
final class PhaseClock {
    private final Map<Metric, Double> seconds = new EnumMap<>(Metric.class);
    private final long started = System.nanoTime();
    private final @Nullable TrainingObserver observer;
    private final int step;
    private long phaseStarted = started;

    /** A clock that nobody looks at while it runs. */
    PhaseClock() {
        this.observer = null;
        this.step = -1;
    }

    /** @param observer hears of each phase as it ends */
    PhaseClock(TrainingObserver observer, int step) {
        this.observer = observer;
        this.step = step;
    }

    /** Charges the time since the last call (or the construction) to a phase. */
    void charge(Metric phase) {
        long now = System.nanoTime();
        seconds.merge(phase, (now - phaseStarted) / 1e9, Double::sum);
        if (observer != null) {
            observer.phase(step, phase, phaseStarted, now);
        }
        phaseStarted = now;
    }

    double of(Metric phase) {
        return seconds.getOrDefault(phase, 0.0);
    }

    /** Seconds since construction. */
    double total() {
        return (System.nanoTime() - started) / 1e9;
    }
}

package dev.d3s.server.training;

import java.util.EnumMap;
import java.util.Map;

/** Seconds of one step by phase. A phase that is entered twice adds up. Not thread-safe. */
final class PhaseClock {
    private final Map<Metric, Double> seconds = new EnumMap<>(Metric.class);
    private final long started = System.nanoTime();
    private long phaseStarted = started;

    /** Charges the time since the last call (or the construction) to a phase. */
    void charge(Metric phase) {
        long now = System.nanoTime();
        seconds.merge(phase, (now - phaseStarted) / 1e9, Double::sum);
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

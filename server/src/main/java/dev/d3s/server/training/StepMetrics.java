package dev.d3s.server.training;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** Collects the metrics of one step, in the order of {@link Metric}. */
final class StepMetrics {
    private final Map<Metric, Double> values = new EnumMap<>(Metric.class);
    private final Map<String, Double> reported = new TreeMap<>();

    /** Goes on collecting from what {@link #byKey} gave. */
    static StepMetrics of(Map<String, Double> byKey) {
        StepMetrics metrics = new StepMetrics();
        Map<String, Double> rest = new LinkedHashMap<>(byKey);
        for (Metric metric : Metric.values()) {
            Double value = rest.remove(metric.key());
            if (value != null) {
                metrics.values.put(metric, value);
            }
        }
        metrics.reported.putAll(rest);
        return metrics;
    }

    /** Sets a metric; what is not finite (a mean over nothing) is left out. */
    StepMetrics set(Metric metric, double value) {
        if (Double.isFinite(value)) {
            values.put(metric, value);
        }
        return this;
    }

    /** Sets what has a name of its own, such as what a selector reports; those come last. */
    void set(String key, double value) {
        reported.put(key, value);
    }

    /** Sets a count. */
    StepMetrics set(Metric metric, long count) {
        return set(metric, (double) count);
    }

    StepMetrics seconds(PhaseClock clock) {
        for (Metric metric : Metric.values()) {
            if (metric.isPhase()) {
                set(metric, clock.of(metric));
            }
        }
        return this;
    }

    Map<String, Double> byKey() {
        Map<String, Double> byKey = new LinkedHashMap<>();
        values.forEach((metric, value) -> byKey.put(metric.key(), value));
        byKey.putAll(reported);
        return byKey;
    }
}

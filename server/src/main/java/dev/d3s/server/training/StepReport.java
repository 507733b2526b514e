package dev.d3s.server.training;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What one step did.
 *
 * @param step from 0; -1 for the evaluation before training
 * @param totalSteps of the whole run
 * @param metrics by the names of {@link Metric}; values are finite
 */
public record StepReport(int step, int totalSteps, Map<String, Double> metrics) {
    public StepReport {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }
}

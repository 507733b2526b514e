package dev.d3s.server.training;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.d3s.server.selection.RecordedRollout;

/**
 * What one step did.
 *
 * @param step from 0; -1 for the evaluation before training
 * @param totalSteps of the whole run
 * @param metrics by the names of {@link Metric}; values are finite
 * @param rollouts a few of them, for people to look at; empty when the step is not recorded
 * @param remaining seconds that the run still takes, as forecast; NaN when nobody knows
 */
public record StepReport(int step, int totalSteps, Map<String, Double> metrics, List<RecordedRollout> rollouts,
        double remaining) {
    public StepReport {
        rollouts = List.copyOf(rollouts);
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }

    /** Of a step that is not recorded. */
    public StepReport(int step, int totalSteps, Map<String, Double> metrics) {
        this(step, totalSteps, metrics, List.of(), Double.NaN);
    }
}

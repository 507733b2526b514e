package dev.d3s.server.training;

import dev.d3s.server.evaluation.SampledSettings;

/**
 * Evaluation on the validation file: greedy, and from sampled completions where there are some.
 *
 * @param interval every so many steps, and before the first and after the last; 0 for those two only
 * @param samples rows from the start of the file
 * @param sampled completions of each row besides the greedy one
 * @param temperature of those, positive
 */
public record EvaluationSettings(int interval, int samples, SampledSettings sampled, double temperature) {
    /** Greedy only. */
    public EvaluationSettings(int interval, int samples) {
        this(interval, samples, SampledSettings.NONE, 1);
    }

    /** Whether one belongs at the end of this step. */
    boolean due(int step, int totalSteps) {
        return StepInterval.due(interval, step + 1, totalSteps);
    }

    /** How many are still due when so many steps are done. */
    int dueAfter(int completedSteps, int totalSteps) {
        return StepInterval.dueAfter(interval, completedSteps, totalSteps);
    }
}

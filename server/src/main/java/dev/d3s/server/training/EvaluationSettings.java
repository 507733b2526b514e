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
}

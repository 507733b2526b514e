package dev.d3s.server.evaluation;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Avg@n and pass@k of a model, from n completions of each prompt. A completion passes when its reward is at least a threshold.
 * One that could not be graded has no reward: it leaves its prompt's mean and its n; and a prompt with fewer than k graded
 * completions leaves pass@k. Not thread-safe.
 */
public final class SampledScores {
    private final SampledSettings settings;
    private final Estimate average = new Estimate();
    private final List<Estimate> passing;

    public SampledScores(SampledSettings settings) {
        this.settings = settings;
        this.passing = settings.k().stream().map(k -> new Estimate()).toList();
    }

    /** @param rewards {@code [n]} of one prompt's completions, NaN where ungraded */
    public void add(double[] rewards) {
        int graded = 0;
        int passed = 0;
        double sum = 0;
        for (double reward : rewards) {
            if (Double.isFinite(reward)) {
                graded++;
                sum += reward;
                passed += settings.passes(reward) ? 1 : 0;
            }
        }
        average.add(sum / graded); // NaN, and so no value, when none is graded
        for (int index = 0; index < passing.size(); index++) {
            int k = settings.k().get(index);
            passing.get(index).add(graded < k ? Double.NaN : PassAtK.estimate(graded, passed, k));
        }
    }

    /** By name: {@code avg_at_<n>}, {@code pass_at_<k>}, each followed by its standard error; only what is finite. */
    public Map<String, Double> metrics() {
        Map<String, Double> metrics = new LinkedHashMap<>();
        put(metrics, "avg_at_" + settings.n(), average);
        for (int index = 0; index < passing.size(); index++) {
            put(metrics, "pass_at_" + settings.k().get(index), passing.get(index));
        }
        return metrics;
    }

    /** Adds an estimate under a name and its standard error under {@code <name>_standard_error}; only what is finite. */
    static void put(Map<String, Double> metrics, String name, Estimate estimate) {
        if (estimate.count() > 0) {
            metrics.put(name, estimate.mean());
        }
        if (Double.isFinite(estimate.standardError())) {
            metrics.put(name + "_standard_error", estimate.standardError());
        }
    }
}

package dev.d3s.server.evaluation;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

/** The figures of an evaluation, from its rows in their order. Rows are not kept. Not thread-safe. */
public final class EvaluationSummary {
    private final Estimate accuracy = new Estimate();
    private final SampledScores sampled;
    private final boolean samples;
    private final Map<String, Estimate> greedyParts = new TreeMap<>();
    private final Map<String, Estimate> sampledParts = new TreeMap<>();
    private int rows;
    private long completions;
    private long ungraded;
    private long truncated;
    private long promptTokens;
    private long completionTokens;
    private int longest;
    private @Nullable String firstError;

    public EvaluationSummary(SampledSettings settings) {
        this.sampled = new SampledScores(settings);
        this.samples = settings.n() > 0;
    }

    public void add(EvaluatedRow row) {
        rows++;
        promptTokens += row.promptTokens();
        Map<String, Estimate> means = new TreeMap<>();
        for (EvaluatedRow.Completion completion : row.completions()) {
            completions++;
            completionTokens += completion.tokens();
            longest = Math.max(longest, completion.tokens());
            truncated += completion.truncated() ? 1 : 0;
            if (completion.error() != null) {
                ungraded++;
                firstError = firstError == null ? completion.error() : firstError;
            }
            if (completion.greedy()) {
                accuracy.add(completion.reward());
                add(completion.parts(), greedyParts);
            } else {
                add(completion.parts(), means);
            }
        }
        means.forEach((name, mean) -> sampledParts.computeIfAbsent(name, part -> new Estimate()).add(mean.mean()));
        if (samples) {
            sampled.add(row.sampledRewards());
        }
    }

    private static void add(Map<String, Double> parts, Map<String, Estimate> estimates) {
        parts.forEach((name, value) -> estimates.computeIfAbsent(name, part -> new Estimate()).add(value));
    }

    /** Rows so far. */
    public int rows() {
        return rows;
    }

    /** Whether there were completions and none could be graded. */
    public boolean nothingGraded() {
        return completions > 0 && ungraded == completions;
    }

    /** Why the first ungraded completion has no reward. */
    public @Nullable String firstError() {
        return firstError;
    }

    /** The figures so far. */
    public Figures figures() {
        Map<String, Double> scores = new LinkedHashMap<>();
        SampledScores.put(scores, "accuracy", accuracy);
        scores.putAll(sampled.metrics());
        return new Figures(scores, means(greedyParts), means(sampledParts), rows, completions, ungraded,
                completions == 0 ? 0 : (double) truncated / completions,
                completions == 0 ? 0 : (double) completionTokens / completions, longest, promptTokens,
                completionTokens);
    }

    private static Map<String, Double> means(Map<String, Estimate> parts) {
        Map<String, Double> means = new LinkedHashMap<>();
        parts.forEach((name, part) -> means.put(name, part.mean()));
        return means;
    }

    /**
     * What is reported.
     *
     * @param scores accuracy, Avg@n and pass@k with their standard errors, by name; only what is finite
     * @param greedyParts mean of each reward part over greedy completions
     * @param sampledParts mean over rows of its mean over sampled completions
     * @param truncatedRatio share of completions that hit the length limit
     * @param promptTokens each prompt once
     */
    public record Figures(Map<String, Double> scores, Map<String, Double> greedyParts,
            Map<String, Double> sampledParts, int rows, long completions, long ungraded, double truncatedRatio,
            double completionLengthMean, int completionLengthMax, long promptTokens, long completionTokens) {}
}

package dev.d3s.server.evaluation;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * What came of one row of the dataset.
 *
 * @param index from 0, in the order of the file
 * @param line line number in the file, from 1
 * @param prompt as text
 * @param promptTokens its length
 * @param item the row's members
 * @param completions the greedy one first where there is one, then the sampled ones
 */
public record EvaluatedRow(int index, int line, String prompt, int promptTokens, Map<String, Object> item,
        List<Completion> completions) {
    public EvaluatedRow {
        completions = List.copyOf(completions);
    }

    /**
     * One graded completion.
     *
     * @param greedy whether it is the greedy one
     * @param text as the grader saw it
     * @param tokens generated tokens
     * @param truncated whether it ended at its length limit
     * @param reward NaN where ungraded
     * @param error why it is ungraded
     * @param parts what the reward was made of, by name
     */
    public record Completion(boolean greedy, String text, int tokens, boolean truncated, double reward,
            @Nullable String error, Map<String, Double> parts) {}

    /** Rewards of the sampled completions. */
    double[] sampledRewards() {
        return completions.stream().filter(one -> !one.greedy()).mapToDouble(Completion::reward).toArray();
    }
}

package dev.d3s.server.policy;

import java.util.Arrays;
import java.util.List;

import dev.d3s.server.model.TokenScores;

/** Computes log-probabilities and full-vocabulary entropies of given completions, without gradients. */
public interface LogprobScorer extends AutoCloseable {
    /**
     * Scores every completion token.
     *
     * @param tokens {@code [R][prompt and completion]}
     * @param promptLength {@code [R]} where each completion begins, at least 1
     * @param temperature divides the logits; positive
     * @return {@code [R]} scores of the completion tokens
     */
    default List<TokenScores> score(List<int[]> tokens, int[] promptLength, double temperature) {
        boolean[][] every = new boolean[promptLength.length][];
        for (int index = 0; index < every.length; index++) {
            every[index] = new boolean[tokens.get(index).length - promptLength[index]];
            Arrays.fill(every[index], true);
        }
        return score(tokens, promptLength, every, temperature);
    }

    /**
     * Scores chosen completion tokens and computes nothing for the others beyond what the chosen ones depend on: a sequence
     * is read up to its last chosen token, and one without any not at all.
     *
     * @param chosen {@code [R][T]}, ragged in T
     * @return {@code [R]} scores of the completion tokens, {@code [T]} each; NaN where a token was not chosen
     */
    List<TokenScores> score(List<int[]> tokens, int[] promptLength, boolean[][] chosen, double temperature);

    @Override
    void close();
}

package dev.d3s.server.policy;

import java.util.List;

import dev.d3s.server.model.TokenScores;

/** Computes log-probabilities and full-vocabulary entropies of given completions, without gradients. */
public interface LogprobScorer extends AutoCloseable {
    /**
     * @param tokens {@code [R][prompt and completion]}
     * @param promptLength {@code [R]} where each completion begins, at least 1
     * @param temperature divides the logits; positive
     * @return {@code [R]} scores of the completion tokens
     */
    List<TokenScores> score(List<int[]> tokens, int[] promptLength, double temperature);

    @Override
    void close();
}

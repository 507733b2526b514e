package dev.d3s.server.model;

/**
 * Scores of the tokens of one completion.
 *
 * @param logprobs {@code [T]} log-probability of each token
 * @param entropies {@code [T]} entropy of the distribution it was drawn from, in nats
 */
public record TokenScores(float[] logprobs, float[] entropies) {}

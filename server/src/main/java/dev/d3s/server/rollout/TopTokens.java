package dev.d3s.server.rollout;

/**
 * The likeliest tokens at one position, the likeliest first.
 *
 * @param tokens {@code [L]} ids
 * @param logprobs {@code [L]} under the full distribution at the sampling temperature (at temperature 0: at temperature 1)
 */
public record TopTokens(int[] tokens, float[] logprobs) {}

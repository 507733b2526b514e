package dev.d3s.server.job;

import org.jspecify.annotations.Nullable;

/**
 * One mistake in a request.
 *
 * @param param JSON path of the member at fault, {@code method.reinforcement.d3s.rollouts.keep}; {@code null} when it is
 *            the request as a whole
 * @param code stable, snake_case
 * @param message what is wrong and what would be right, one or two sentences
 */
public record Mistake(@Nullable String param, String code, String message) {}

package dev.d3s.spi;

/**
 * One mistake in a configuration.
 *
 * @param key the key at fault
 * @param message what is wrong and what would be right, one sentence
 */
public record ConfigProblem(String key, String message) {}

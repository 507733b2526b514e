package dev.d3s.spi;

/**
 * What a model said to a {@link ModelRequest}.
 *
 * @param text special tokens left out
 * @param truncated whether it ended at its length limit
 * @param promptTokens tokens read
 * @param completionTokens tokens generated
 */
public record ModelCompletion(String text, boolean truncated, int promptTokens, int completionTokens) {}

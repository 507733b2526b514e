package dev.d3s.server.training;

/**
 * Totals of a finished run, resumed parts included.
 *
 * @param trainedTokens tokens with a loss term
 * @param generatedTokens completion tokens generated for training
 */
public record TrainingTotals(long trainedTokens, long generatedTokens) {}

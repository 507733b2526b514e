package dev.d3s.server.training;

/**
 * Greedy evaluation on the validation file.
 *
 * @param interval every so many steps, and before the first and after the last; 0 for those two only
 * @param samples rows from the start of the file
 */
public record EvaluationSettings(int interval, int samples) {}

package dev.d3s.server.dataset;

import org.jspecify.annotations.Nullable;

/**
 * A row as the engines take it.
 *
 * @param row the row itself
 * @param prompt token ids, at least one
 * @param completion token ids with the end-of-sequence token after them; {@code null} when the row has no completion
 */
public record TokenizedRow(DatasetRow row, int[] prompt, int @Nullable [] completion) {}

package dev.d3s.server.dataset;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * One row of a dataset.
 *
 * @param line line number in the file, from 1
 * @param prompt the prompt as text
 * @param completion the completion to imitate; {@code null} in reinforcement rows
 * @param item all members of the row as plain Java values, for graders
 */
public record DatasetRow(int line, String prompt, @Nullable String completion, Map<String, Object> item) {}

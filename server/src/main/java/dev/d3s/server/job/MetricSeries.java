package dev.d3s.server.job;

import java.util.List;
import java.util.SortedMap;

import org.jspecify.annotations.Nullable;

/**
 * Metrics over steps, as columns.
 *
 * @param steps {@code [S]} rising; -1 is the evaluation before training
 * @param values per name {@code [S]}, {@code null} where a step did not report it
 */
public record MetricSeries(List<Integer> steps, SortedMap<String, List<@Nullable Double>> values) {}

package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * A job's metrics, read from the CSV that the server gives: a header with {@code step} and the names, a line per step, empty where a step did not
 * report a metric.
 */
final class MetricTable {
    private final List<String> names;
    private final List<String[]> rows;

    private MetricTable(List<String> names, List<String[]> rows) {
        this.names = names;
        this.rows = rows;
    }

    /** All columns, {@code step} among them. */
    List<String> names() {
        return names;
    }

    /** From the first step to the last. */
    List<Row> rows() {
        return rows.stream().map(Row::new).toList();
    }

    /** What one step reported. */
    final class Row {
        private final String[] cells;

        private Row(String[] cells) {
            this.cells = cells;
        }

        /** Counts from 0; -1 is the evaluation before training. */
        int step() {
            return Integer.parseInt(text("step"));
        }

        OptionalDouble value(String name) {
            return MetricTable.this.value(cells, name);
        }

        /** As the server wrote it; empty where it did not. */
        String text(String name) {
            int column = names.indexOf(name);
            return column < 0 || column >= cells.length ? "" : cells[column];
        }
    }

    static MetricTable parse(String csv) {
        List<String> lines = csv.lines().filter(line -> !line.isBlank()).toList();
        if (lines.isEmpty()) {
            return new MetricTable(List.of(), List.of());
        }
        List<String[]> rows = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            rows.add(line.split(",", -1));
        }
        return new MetricTable(List.of(lines.get(0).split(",", -1)), rows);
    }

    /** What was reported for a metric at a step; -1 is the evaluation before training. */
    OptionalDouble at(String name, int step) {
        int steps = names.indexOf("step");
        for (String[] row : rows) {
            if (steps >= 0 && row[steps].equals(Integer.toString(step))) {
                return value(row, name);
            }
        }
        return OptionalDouble.empty();
    }

    /** What was reported last. */
    OptionalDouble last(String name) {
        for (String[] row : rows.reversed()) {
            OptionalDouble value = value(row, name);
            if (value.isPresent()) {
                return value;
            }
        }
        return OptionalDouble.empty();
    }

    /** Sum over all steps, 0 when none reported it. */
    double sum(String name) {
        return rows.stream().mapToDouble(row -> value(row, name).orElse(0)).sum();
    }

    private OptionalDouble value(String[] row, String name) {
        int column = names.indexOf(name);
        if (column < 0 || column >= row.length || row[column].isEmpty()) {
            return OptionalDouble.empty();
        }
        return OptionalDouble.of(Double.parseDouble(row[column]));
    }
}

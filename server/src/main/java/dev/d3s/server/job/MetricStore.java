package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.store.Database;

/** Every metric of every step. Thread-safe. */
final class MetricStore {
    private final Database database;

    MetricStore(Database database) {
        this.database = database;
    }

    /** Stores a step's metrics inside a transaction, in place of what an earlier run of the step left. */
    void put(Connection connection, String job, int step, Map<String, Double> metrics) throws SQLException {
        Database.execute(connection, "delete from job_metric where job_id = ? and step = ?", job, step);
        try (PreparedStatement statement = connection
            .prepareStatement("insert into job_metric (job_id, step, name, value) values (?, ?, ?, ?)")) {
            for (Map.Entry<String, Double> metric : metrics.entrySet()) {
                if (Double.isFinite(metric.getValue())) {
                    statement.setString(1, job);
                    statement.setInt(2, step);
                    statement.setString(3, metric.getKey());
                    statement.setDouble(4, metric.getValue());
                    statement.addBatch();
                }
            }
            statement.executeBatch();
        }
    }

    /** Forgets steps that will run again. */
    void deleteFrom(Connection connection, String job, int step) throws SQLException {
        Database.execute(connection, "delete from job_metric where job_id = ? and step >= ?", job, step);
    }

    /** Of one step, by name; empty when it has none. */
    Map<String, Double> ofStep(String job, int step) {
        Map<String, Double> metrics = new TreeMap<>();
        database.list("select name, value from job_metric where job_id = ? and step = ?",
                row -> metrics.put(row.getString("name"), row.getDouble("value")), job, step);
        return metrics;
    }

    private record Value(int step, String name, double value) {}

    /** @param names the metrics wanted; empty for all */
    private List<Value> values(String job, Set<String> names, int fromStep) {
        String chosen = names.isEmpty()
                ? ""
                : " and name in (" + String.join(", ", Collections.nCopies(names.size(), "?")) + ")";
        List<Object> arguments = new ArrayList<>(List.of(job, fromStep));
        arguments.addAll(names);
        return database.list(
                "select step, name, value from job_metric where job_id = ? and step >= ?" + chosen + " order by step",
                row -> new Value(row.getInt("step"), row.getString("name"), row.getDouble("value")),
                arguments.toArray());
    }

    /** The metrics wanted of all steps, the evaluation before training included. */
    SortedMap<Integer, Map<String, Double>> bySteps(String job, Set<String> names) {
        SortedMap<Integer, Map<String, Double>> steps = new TreeMap<>();
        for (Value value : values(job, names, -1)) {
            steps.computeIfAbsent(value.step(), step -> new TreeMap<>()).put(value.name(), value.value());
        }
        return steps;
    }

    /**
     * @param names the metrics wanted; empty for all
     * @param fromStep first step wanted
     */
    MetricSeries series(String job, Set<String> names, int fromStep) {
        List<Value> values = values(job, names, fromStep);
        List<Integer> steps = values.stream().map(Value::step).distinct().toList();
        SortedMap<String, List<@Nullable Double>> columns = new TreeMap<>();
        int index = -1;
        int step = Integer.MIN_VALUE;
        for (Value value : values) {
            if (value.step() != step) {
                step = value.step();
                index++;
            }
            List<@Nullable Double> column = columns.computeIfAbsent(value.name(), name -> empty(steps.size()));
            column.set(index, value.value());
        }
        return new MetricSeries(steps, columns);
    }

    private static List<@Nullable Double> empty(int size) {
        List<@Nullable Double> column = new ArrayList<>(size);
        for (int index = 0; index < size; index++) {
            column.add(null);
        }
        return column;
    }
}

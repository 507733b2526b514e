package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.store.Database;

/** The rows of checkpoints; a row exists only for a directory that is complete on the disk. Thread-safe. */
final class CheckpointStore {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Database database;

    CheckpointStore(Database database) {
        this.database = database;
    }

    /** Inserts inside a transaction, in place of what an earlier run of the step left. */
    void put(Connection connection, Checkpoint checkpoint) throws SQLException {
        ObjectNode metrics = JSON.createObjectNode();
        checkpoint.metrics().forEach((name, value) -> metrics.put(name, value));
        Database.execute(connection, "delete from checkpoint where job_id = ? and step = ?", checkpoint.job(),
                checkpoint.step());
        Database.execute(connection,
                "insert into checkpoint (id, job_id, step, created_at, model, metrics, directory, interim) "
                        + "values (?, ?, ?, ?, ?, ?, ?, ?)",
                checkpoint.id(), checkpoint.job(), checkpoint.step(), checkpoint.createdAt(), checkpoint.model(),
                metrics.toString(), checkpoint.directory(), checkpoint.interim() ? 1 : 0);
    }

    void delete(Connection connection, String job, int step) throws SQLException {
        Database.execute(connection, "delete from checkpoint where job_id = ? and step = ?", job, step);
    }

    /** @return whether it was still there, with these files */
    boolean delete(Connection connection, Checkpoint checkpoint) throws SQLException {
        return Database.execute(connection, "delete from checkpoint where id = ? and directory = ?", checkpoint.id(),
                checkpoint.directory()) > 0;
    }

    Optional<Checkpoint> ofStep(String job, int step) {
        return database.one("select * from checkpoint where job_id = ? and step = ?", CheckpointStore::checkpoint, job,
                step);
    }

    /** Newest first, those made before {@code beforeId}. */
    List<Checkpoint> ofJob(String job, @Nullable String beforeId, int limit) {
        return beforeId == null
                ? database.list("select * from checkpoint where job_id = ? order by id desc limit ?",
                        CheckpointStore::checkpoint, job, limit)
                : database.list("select * from checkpoint where job_id = ? and id < ? order by id desc limit ?",
                        CheckpointStore::checkpoint, job, beforeId, limit);
    }

    List<Checkpoint> all() {
        return database.list("select * from checkpoint order by id", CheckpointStore::checkpoint);
    }

    Optional<Checkpoint> byModel(String model) {
        return database.one("select * from checkpoint where model = ?", CheckpointStore::checkpoint, model);
    }

    /** The most completed steps first: the first whose files are whole is where a job goes on. */
    List<Checkpoint> latestFirst(String job) {
        return database.list("select * from checkpoint where job_id = ? order by step desc",
                CheckpointStore::checkpoint, job);
    }

    private static Checkpoint checkpoint(ResultSet row) throws SQLException {
        Map<String, Double> metrics = new LinkedHashMap<>();
        try {
            JSON.readTree(row.getString("metrics"))
                .properties()
                .forEach(metric -> metrics.put(metric.getKey(), metric.getValue().doubleValue()));
        } catch (JsonProcessingException e) {
            throw new SQLException("A checkpoint's metrics are not JSON.", e);
        }
        return new Checkpoint(row.getString("id"), row.getString("job_id"), row.getInt("step"),
                row.getLong("created_at"), row.getString("model"), metrics, row.getString("directory"),
                row.getInt("interim") != 0);
    }
}

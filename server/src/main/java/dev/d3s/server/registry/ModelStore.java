package dev.d3s.server.registry;

import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.event.EventStore;
import dev.d3s.server.event.JobEvent.Content;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.registry.RegisteredModel.Failure;
import dev.d3s.server.registry.RegisteredModel.Kind;
import dev.d3s.server.registry.RegisteredModel.Status;
import dev.d3s.server.store.Database;

/**
 * The rows of registered models and their events. How far a download is changes more often than anybody should write to a
 * database: between the rows, it is in memory. What is said about a model that was deleted meanwhile is lost, as it should be. Thread-safe.
 */
@Singleton
final class ModelStore {
    private final Database database;
    private final EventStore events;
    private final Map<String, Long> live = new ConcurrentHashMap<>();

    @Inject
    ModelStore(Database database) {
        this.database = database;
        this.events = new EventStore(database, "model");
    }

    EventStore events() {
        return events;
    }

    /** @param besides in the same transaction */
    void insert(RegisteredModel model, String message, Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            Database.execute(connection,
                    "insert into model (id, organization, name, created_at, kind, source, directory, status) "
                            + "values (?, ?, ?, ?, ?, ?, ?, ?)",
                    model.key(), model.organization(), model.name(), model.createdAt(), model.kind().key(),
                    model.source(),
                    model.directory().toString(), model.status().key());
            events.append(connection, model.key(), Level.INFO, Content.MESSAGE, message, null);
        });
    }

    /** In the order in which they were registered. */
    List<RegisteredModel> all() {
        return database.list("select * from model order by id", this::model);
    }

    Optional<RegisteredModel> model(String key) {
        return database.one("select * from model where id = ?", this::model, key);
    }

    void pinned(String key, String commit) {
        database
            .change(connection -> Database.execute(connection, "update model set commit_id = ? where id = ?", commit,
                    key));
    }

    void planned(String key, long bytes, long present, String message) {
        live.put(key, present);
        change(key, "bytes = ?, total_bytes = ?", Level.INFO, message, present, bytes);
    }

    /** @return bytes that are there now */
    long received(String key, long more) {
        return live.merge(key, more, Long::sum);
    }

    /** Writes down how far it is. */
    void progress(String key, long total, String message) {
        long bytes = live.getOrDefault(key, 0L);
        ObjectNode data = JsonNodeFactory.instance.objectNode().put("bytes", bytes).put("total_bytes", total);
        database.change(connection -> {
            Database.execute(connection, "update model set bytes = ? where id = ?", bytes, key);
            events.append(connection, key, Level.INFO, Content.METRICS, message, data);
        });
    }

    void note(String key, Level level, String message) {
        database.change(connection -> events.append(connection, key, level, Content.MESSAGE, message, null));
    }

    void ready(String key, String message) {
        live.remove(key);
        change(key, "status = 'ready', bytes = coalesce(total_bytes, bytes)", Level.INFO, message);
    }

    void failed(String key, Failure failure) {
        Long bytes = live.remove(key);
        change(key, "status = 'failed', bytes = coalesce(?, bytes), error_code = ?, error_message = ?", Level.ERROR,
                "The model has failed: " + failure.message(), bytes, failure.code(), failure.message());
    }

    /** Lets a failed one be tried again. */
    void restarted(String key, String message) {
        change(key, "status = 'downloading', error_code = null, error_message = null", Level.INFO, message);
    }

    /** @param besides in the same transaction */
    void delete(String key, Database.Change besides) {
        live.remove(key);
        database.change(connection -> {
            besides.in(connection);
            Database.execute(connection, "delete from model_event where model_id = ?", key);
            Database.execute(connection, "delete from model where id = ?", key);
        });
    }

    private void change(String key, String set, Level level, String message, @Nullable Object... values) {
        @Nullable
        Object[] arguments = Arrays.copyOf(values, values.length + 1);
        arguments[values.length] = key;
        database.change(connection -> {
            Database.execute(connection, "update model set " + set + " where id = ?", arguments);
            events.append(connection, key, level, Content.MESSAGE, message, null);
        });
    }

    private RegisteredModel model(ResultSet row) throws SQLException {
        String key = row.getString("id");
        String errorCode = row.getString("error_code");
        Long now = live.get(key);
        return new RegisteredModel(key, row.getString("organization"), row.getString("name"),
                row.getLong("created_at"),
                Kind.valueOf(row.getString("kind").toUpperCase(Locale.ROOT)), row.getString("source"),
                row.getString("commit_id"), Path.of(row.getString("directory")),
                Status.valueOf(row.getString("status").toUpperCase(Locale.ROOT)),
                now == null ? row.getLong("bytes") : now, Database.nullableLong(row, "total_bytes"),
                errorCode == null ? null : new Failure(errorCode, row.getString("error_message")));
    }
}

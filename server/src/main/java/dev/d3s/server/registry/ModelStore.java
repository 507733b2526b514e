package dev.d3s.server.registry;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
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
 * database: between the rows, it is in memory of the server that downloads. What a download writes holds only while the model is
 * its own. Thread-safe.
 */
@Singleton
final class ModelStore {
    private final Database database;
    private final EventStore events;
    private final Map<String, Long> live = new ConcurrentHashMap<>();
    /** A download outlasts a restart of the database. */
    private final Database patient;

    @Inject
    ModelStore(Database database) {
        this.database = database;
        this.patient = database.patient(Duration.ofMinutes(2));
        this.events = new EventStore(database, "model");
    }

    EventStore events() {
        return events;
    }

    /**
     * Stores a new model.
     *
     * @param besides in the same transaction
     * @return false when somebody was faster, on this or another server: there is a model of that name
     */
    boolean insert(RegisteredModel model, String message, Database.Change besides) {
        return database.transaction(connection -> {
            if (Database.execute(connection,
                    "insert into model (id, organization, name, created_at, kind, source, directory, status) "
                            + "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                    model.key(), model.organization(), model.name(), model.createdAt(), model.kind().key(),
                    model.source(),
                    model.directory().toString(), model.status().key()) == 0) {
                return false;
            }
            besides.in(connection);
            events.append(connection, model.key(), Level.INFO, Content.MESSAGE, message, null);
            return true;
        });
    }

    /** In the order in which they were registered. */
    List<RegisteredModel> all() {
        return database.list("select * from model order by id", this::model);
    }

    Optional<RegisteredModel> model(String key) {
        return database.one("select * from model where id = ?", this::model, key);
    }

    // ---------------------------------------------------------------- who downloads it

    /**
     * A model that a server downloads.
     *
     * @param permit under which, and under no other
     * @param run how many downloads of it began, this one included
     */
    record Claim(RegisteredModel model, String permit, long run) {
        String key() {
            return model.key();
        }
    }

    /** The model was taken from a download, or is gone. */
    static final class LostException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        LostException(String name) {
            super("The download of " + name + " is no longer this server's.");
        }
    }

    boolean anyWaiting() {
        return !database
            .list("select id from model where status = 'downloading' and permit is null limit 1",
                    row -> row.getString(1))
            .isEmpty();
    }

    /** Takes the oldest model that is to be downloaded and that nobody downloads. */
    Optional<Claim> claim(String server, String permit) {
        return database.transaction(connection -> {
            List<Claim> waiting = Database.list(connection,
                    "select * from model where status = 'downloading' and permit is null order by id limit 1"
                            + database.forUpdate(),
                    row -> new Claim(model(row), permit, row.getLong("run") + 1));
            for (Claim claim : waiting) {
                Database.execute(connection, "update model set server = ?, permit = ?, run = ? where id = ?", server,
                        permit, claim.run(), claim.key());
            }
            return waiting.stream().findFirst();
        });
    }

    /**
     * What a server that is gone was downloading waits again.
     *
     * @param server {@code null} for any
     */
    void recover(@Nullable String server) {
        database.change(connection -> {
            String update = "update model set permit = null where permit is not null";
            if (server == null) {
                Database.execute(connection, update);
            } else {
                Database.execute(connection, update + " and server = ?", server);
            }
        });
    }

    /** The same for what is downloaded under a permit. */
    void recoverHeld(String permit) {
        database.change(connection -> {
            record Held(String key, String server) {}
            for (Held held : Database.list(connection,
                    "select id, server from model where permit = ?" + database.forUpdate(),
                    row -> new Held(row.getString(1), row.getString(2)), permit)) {
                Database.execute(connection, "update model set permit = null where id = ?", held.key());
                events.append(connection, held.key(), Level.WARN, Content.MESSAGE, "The server " + held.server()
                        + " that downloads it gives no sign of life; the download goes on elsewhere.", null);
            }
        });
    }

    /** Permits under which a server downloads. */
    List<String> permits(String server) {
        return database.list("select permit from model where server = ? and permit is not null",
                row -> row.getString(1), server);
    }

    /** Lets whoever has a free thread go on. */
    void release(String permit) {
        database.change(
                connection -> Database.execute(connection, "update model set permit = null where permit = ?", permit));
    }

    /** Whether a later download of the model has begun, or it is gone. */
    boolean superseded(Claim claim) {
        return database
            .one("select id from model where id = ? and run = ?", row -> row.getString(1), claim.key(), claim.run())
            .isEmpty();
    }

    /** The download has ended on this server, however it did. */
    void forget(Claim claim) {
        live.remove(claim.key());
    }

    // ---------------------------------------------------------------- what a download writes

    void pinned(Claim claim, String commit) {
        patient.change(connection -> guarded(connection, claim, "commit_id = ?", commit));
    }

    void planned(Claim claim, long bytes, long present, String message) {
        live.put(claim.key(), present);
        write(claim, "bytes = ?, total_bytes = ?", Level.INFO, message, present, bytes);
    }

    /** @return bytes that are there now */
    long received(Claim claim, long more) {
        return live.merge(claim.key(), more, Long::sum);
    }

    /** Writes down how far it is. */
    void progress(Claim claim, long total, String message) {
        long bytes = live.getOrDefault(claim.key(), 0L);
        ObjectNode data = JsonNodeFactory.instance.objectNode().put("bytes", bytes).put("total_bytes", total);
        patient.change(connection -> {
            guarded(connection, claim, "bytes = ?", bytes);
            events.append(connection, claim.key(), Level.INFO, Content.METRICS, message, data);
        });
    }

    void note(Claim claim, Level level, String message) {
        write(claim, "run = run", level, message);
    }

    void ready(Claim claim, String message) {
        write(claim, "status = 'ready', permit = null, bytes = coalesce(total_bytes, bytes)", Level.INFO, message);
    }

    void failed(Claim claim, Failure failure) {
        write(claim, "status = 'failed', permit = null, bytes = coalesce(?, bytes), error_code = ?, error_message = ?",
                Level.ERROR, "The model has failed: " + failure.message(), live.get(claim.key()), failure.code(),
                failure.message());
    }

    private void write(Claim claim, String set, Level level, String message, @Nullable Object... values) {
        patient.change(connection -> {
            guarded(connection, claim, set, values);
            events.append(connection, claim.key(), level, Content.MESSAGE, message, null);
        });
    }

    private static void guarded(Connection connection, Claim claim, String set, @Nullable Object... values)
            throws SQLException {
        @Nullable
        Object[] arguments = Arrays.copyOf(values, values.length + 2);
        arguments[values.length] = claim.key();
        arguments[values.length + 1] = claim.permit();
        if (Database.execute(connection, "update model set " + set + " where id = ? and permit = ?", arguments) == 0) {
            throw new LostException(claim.model().name());
        }
    }

    /** Lets a failed one be tried again, unless somebody did so before. */
    void restarted(String key, String message) {
        database.change(connection -> {
            if (Database.execute(connection, "update model set status = 'downloading', error_code = null, "
                    + "error_message = null where id = ? and status = 'failed'", key) > 0) {
                events.append(connection, key, Level.INFO, Content.MESSAGE, message, null);
            }
        });
    }

    /** @param besides in the same transaction */
    void delete(String key, Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            Database.execute(connection, "delete from model_event where model_id = ?", key);
            Database.execute(connection, "delete from model where id = ?", key);
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

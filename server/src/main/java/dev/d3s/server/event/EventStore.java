package dev.d3s.server.event;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.store.Database;

/** The event logs of jobs, or of models: one table holds the logs, the other one's rows count their events. Thread-safe. */
public final class EventStore {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int IDS_AT_ONCE = 200;

    private final Database database;
    private final String owner;

    /** @param owner {@code job} or {@code model}: the table of those that have a log */
    public EventStore(Database database, String owner) {
        this.database = database;
        this.owner = owner;
    }

    /** Appends inside a transaction. Counting up in the owner's row first keeps sequences without gaps on any database. */
    public void append(Connection connection, String id, JobEvent.Level level, JobEvent.Content type, String message,
            @Nullable JsonNode data) throws SQLException {
        Database.execute(connection, "update " + owner + " set last_event = last_event + 1 where id = ?", id);
        Database.execute(connection,
                "insert into " + owner + "_event (" + owner + "_id, sequence, created_at, level, type, message, data) "
                        + "select id, last_event, ?, ?, ?, ?, ? from " + owner + " where id = ?",
                System.currentTimeMillis(), level.key(), type.key(), message, data == null ? null : data.toString(),
                id);
    }

    /** Whether other servers may write, too. */
    boolean shared() {
        return database.shared();
    }

    /** Newest first. */
    public List<JobEvent> newestBefore(String id, long sequence, int limit) {
        return database.list(select("sequence < ? order by sequence desc limit ?"), this::event, id, sequence, limit);
    }

    /** Oldest first. */
    public List<JobEvent> oldestAfter(String id, long sequence, int limit) {
        return database.list(select("sequence > ? order by sequence limit ?"), this::event, id, sequence, limit);
    }

    /** The newest event's number of each of them. */
    Map<String, Long> newest(List<String> ids) {
        Map<String, Long> newest = new HashMap<>();
        for (int from = 0; from < ids.size(); from += IDS_AT_ONCE) {
            List<String> some = ids.subList(from, Math.min(from + IDS_AT_ONCE, ids.size()));
            database.list("select id, last_event from " + owner + " where id in ("
                    + String.join(", ", Collections.nCopies(some.size(), "?")) + ")",
                    row -> newest.put(row.getString(1), row.getLong(2)), some.toArray());
        }
        return newest;
    }

    private String select(String which) {
        return "select * from " + owner + "_event where " + owner + "_id = ? and " + which;
    }

    private JobEvent event(ResultSet row) throws SQLException {
        return new JobEvent(row.getString(owner + "_id"), row.getLong("sequence"), row.getLong("created_at"),
                JobEvent.Level.valueOf(row.getString("level").toUpperCase(Locale.ROOT)),
                JobEvent.Content.valueOf(row.getString("type").toUpperCase(Locale.ROOT)), row.getString("message"),
                parsed(row.getString("data")));
    }

    private static @Nullable JsonNode parsed(@Nullable String text) throws SQLException {
        try {
            return text == null ? null : JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new SQLException("An event's data is not JSON.", e);
        }
    }
}

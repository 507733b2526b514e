package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** The event logs of jobs. Thread-safe. */
final class EventStore {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Database database;

    EventStore(Database database) {
        this.database = database;
    }

    /** Appends inside a transaction. Counting up in the job's row first keeps sequences without gaps on any database. */
    void append(Connection connection, String job, JobEvent.Level level, JobEvent.Content type, String message,
            @Nullable JsonNode data) throws SQLException {
        Database.execute(connection, "update job set last_event = last_event + 1 where id = ?", job);
        Database.execute(connection, "insert into job_event (job_id, sequence, created_at, level, type, message, data) "
                + "select id, last_event, ?, ?, ?, ?, ? from job where id = ?", System.currentTimeMillis(), level.key(),
                type.key(), message, data == null ? null : data.toString(), job);
    }

    /** Newest first. */
    List<JobEvent> newestBefore(String job, long sequence, int limit) {
        return database.list(
                "select * from job_event where job_id = ? and sequence < ? order by sequence desc limit ?",
                EventStore::event, job, sequence, limit);
    }

    /** Oldest first. */
    List<JobEvent> oldestAfter(String job, long sequence, int limit) {
        return database.list("select * from job_event where job_id = ? and sequence > ? order by sequence limit ?",
                EventStore::event, job, sequence, limit);
    }

    private static JobEvent event(ResultSet row) throws SQLException {
        return new JobEvent(row.getString("job_id"), row.getLong("sequence"), row.getLong("created_at"),
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

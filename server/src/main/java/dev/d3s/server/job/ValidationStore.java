package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.event.EventStore;
import dev.d3s.server.event.JobEvent.Content;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.spec.JobSpec;
import dev.d3s.server.store.Database;
import dev.d3s.server.webhook.WebhookOutbox;

/** Which jobs wait for their data sets to be checked, and what came of it. Thread-safe. */
final class ValidationStore {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String WAITING = " from job_validation v join job j on j.id = v.job_id where j.status = ? and "
            + "v.permit is null";

    private final Database database;
    private final EventStore events;
    private final WebhookOutbox outbox;

    ValidationStore(Database database, EventStore events, WebhookOutbox outbox) {
        this.outbox = outbox;
        this.database = database;
        this.events = events;
    }

    /**
     * A job to be checked.
     *
     * @param request as it was submitted, with its seed
     * @param permit under which this server checks it; another one's check counts no more
     */
    record Unchecked(String job, String organization, ObjectNode request, String permit) {}

    /** In the transaction that makes the job. */
    static void insert(Connection connection, String job) throws SQLException {
        Database.execute(connection, "insert into job_validation (job_id) values (?)", job);
    }

    /** Whether the data sets of a job have still to be checked. */
    boolean contains(String job) {
        return database.one("select 1 from job_validation where job_id = ?", row -> row.getInt(1), job).isPresent();
    }

    boolean anyWaiting() {
        return database.one("select 1" + WAITING + " limit 1", row -> row.getInt(1), JobStatus.VALIDATING_FILES.key())
            .isPresent();
    }

    /** Takes the oldest job that nobody checks. */
    Optional<Unchecked> claim(String server, String permit) {
        return database.transaction(connection -> {
            List<Unchecked> oldest = Database.list(connection,
                    "select j.id, j.organization, j.request" + WAITING + " order by j.id limit 1",
                    row -> new Unchecked(row.getString(1), row.getString(2), read(row.getString(3)), permit),
                    JobStatus.VALIDATING_FILES.key());
            for (Unchecked found : oldest) {
                if (Database.execute(connection,
                        "update job_validation set server = ?, permit = ? where job_id = ? and permit is null", server,
                        permit, found.job()) > 0) {
                    return Optional.of(found);
                }
            }
            return Optional.empty();
        });
    }

    /** Permits under which a server checks jobs that still want it. */
    List<String> permits(String server) {
        return database.list("select v.permit from job_validation v join job j on j.id = v.job_id "
                + "where v.server = ? and v.permit is not null and j.status = ?", row -> row.getString(1), server,
                JobStatus.VALIDATING_FILES.key());
    }

    /** Lets another server check what was checked under a permit. */
    void release(String permit) {
        database.change(connection -> Database.execute(connection,
                "update job_validation set permit = null where permit = ?", permit));
    }

    /**
     * The same for what a server that is gone has left.
     *
     * @param server {@code null} for any
     */
    void recover(@Nullable String server) {
        database.change(connection -> {
            String update = "update job_validation set permit = null where permit is not null";
            if (server == null) {
                Database.execute(connection, update);
            } else {
                Database.execute(connection, update + " and server = ?", server);
            }
        });
    }

    /** Queues a job whose data sets are right. */
    void succeeded(Unchecked unchecked, JobSpec spec, JobDemand demand, String message) {
        database.change(connection -> {
            String job = unchecked.job();
            if (ended(connection, unchecked,
                    "status = ?, queued_at = ?, request = ?, total_steps = ?, threads = ?, memory = ?",
                    JobStatus.QUEUED.key(), System.currentTimeMillis(), spec.request().toString(),
                    spec.settings().steps(), demand.threads(), demand.memory())) {
                Database.execute(connection, "delete from job_validation where job_id = ?", job);
                events.append(connection, job, Level.INFO, Content.MESSAGE, message, null);
            }
        });
    }

    /** Fails a job; its data sets are checked again should it be resumed. */
    void failed(Unchecked unchecked, JobError error) {
        database.change(connection -> {
            String job = unchecked.job();
            if (ended(connection, unchecked,
                    "status = ?, finished_at = ?, error_code = ?, error_message = ?, error_param = ?",
                    JobStatus.FAILED.key(), System.currentTimeMillis(), error.code(), error.message(), error.param())) {
                events.append(connection, job, Level.ERROR, Content.MESSAGE, "The job has failed: " + error.message(),
                        null);
                JobReports.put(outbox, connection, job, JobStatus.FAILED);
            }
        });
    }

    /** @return whether the check was still this one's, and the job still wanted it */
    private static boolean ended(Connection connection, Unchecked unchecked, String set, @Nullable Object... values)
            throws SQLException {
        if (Database.execute(connection, "update job_validation set permit = null where job_id = ? and permit = ?",
                unchecked.job(), unchecked.permit()) == 0) {
            return false;
        }
        @Nullable
        Object[] arguments = Arrays.copyOf(values, values.length + 2);
        arguments[values.length] = unchecked.job();
        arguments[values.length + 1] = JobStatus.VALIDATING_FILES.key();
        return Database.execute(connection, "update job set " + set + " where id = ? and status = ?", arguments) > 0;
    }

    private static ObjectNode read(String request) throws SQLException {
        try {
            return (ObjectNode) JSON.readTree(request);
        } catch (JsonProcessingException e) {
            throw new SQLException("A job's request is not JSON.", e);
        }
    }
}

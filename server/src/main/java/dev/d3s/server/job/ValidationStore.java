package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

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
     */
    record Unchecked(String job, String organization, ObjectNode request) {}

    /** In the transaction that makes the job. */
    static void insert(Connection connection, String job) throws SQLException {
        Database.execute(connection, "insert into job_validation (job_id) values (?)", job);
    }

    /** Whether the data sets of a job have still to be checked. */
    boolean contains(String job) {
        return database.one("select 1 from job_validation where job_id = ?", row -> row.getInt(1), job).isPresent();
    }

    /** Takes the oldest job that nobody checks. */
    Optional<Unchecked> claim(long now, long until) {
        return database.transaction(connection -> {
            String where = " from job_validation v join job j on j.id = v.job_id where j.status = ? and v.claimed_until < ?"
                    + " order by j.id limit 1";
            List<Unchecked> oldest = Database.list(connection, "select j.id, j.organization, j.request" + where,
                    row -> new Unchecked(row.getString(1), row.getString(2), read(row.getString(3))),
                    JobStatus.VALIDATING_FILES.key(),
                    now);
            for (Unchecked found : oldest) {
                if (Database.execute(connection,
                        "update job_validation set claimed_until = ? where job_id = ? and claimed_until < ?", until,
                        found.job(), now) > 0) {
                    return Optional.of(found);
                }
            }
            return Optional.empty();
        });
    }

    /**
     * Goes on checking.
     *
     * @return whether the job still wants it
     */
    boolean extend(String job, long until) {
        return database.transaction(connection -> {
            Database.execute(connection, "update job_validation set claimed_until = ? where job_id = ?", until, job);
            return !Database
                .list(connection, "select 1 from job where id = ? and status = ?", row -> row.getInt(1), job,
                        JobStatus.VALIDATING_FILES.key())
                .isEmpty();
        });
    }

    /** Lets another server check a job. */
    void release(String job) {
        database.change(connection -> Database.execute(connection,
                "update job_validation set claimed_until = 0 where job_id = ?", job));
    }

    /** Queues a job whose data sets are right. */
    void succeeded(String job, JobSpec spec, JobDemand demand, String message) {
        database.change(connection -> {
            if (Database.execute(connection,
                    "update job set status = ?, queued_at = ?, request = ?, total_steps = ?, threads = ?, memory = ? "
                            + "where id = ? and status = ?",
                    JobStatus.QUEUED.key(), System.currentTimeMillis(), spec.request().toString(),
                    spec.settings().steps(), demand.threads(), demand.memory(), job,
                    JobStatus.VALIDATING_FILES.key()) > 0) {
                Database.execute(connection, "delete from job_validation where job_id = ?", job);
                events.append(connection, job, Level.INFO, Content.MESSAGE, message, null);
            }
        });
    }

    /** Fails a job; its data sets are checked again should it be resumed. */
    void failed(String job, JobError error) {
        database.change(connection -> {
            if (Database.execute(connection,
                    "update job set status = ?, finished_at = ?, error_code = ?, error_message = ?, error_param = ? "
                            + "where id = ? and status = ?",
                    JobStatus.FAILED.key(), System.currentTimeMillis(), error.code(), error.message(), error.param(),
                    job,
                    JobStatus.VALIDATING_FILES.key()) > 0) {
                Database.execute(connection, "update job_validation set claimed_until = 0 where job_id = ?", job);
                events.append(connection, job, Level.ERROR, Content.MESSAGE, "The job has failed: " + error.message(),
                        null);
                JobReports.put(outbox, connection, job, JobStatus.FAILED);
            }
        });
    }

    private static ObjectNode read(String request) throws SQLException {
        try {
            return (ObjectNode) JSON.readTree(request);
        } catch (JsonProcessingException e) {
            throw new SQLException("A job's request is not JSON.", e);
        }
    }
}

package dev.d3s.server.job;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.job.JobEvent.Content;
import dev.d3s.server.job.JobEvent.Level;

/**
 * The rows of jobs, and every change of their status that does not come from a run: those are {@link RunRecord}'s.
 * Thread-safe.
 */
final class JobStore {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Every id begins with "f". */
    private static final String PAST_ALL_IDS = "g";

    private final Database database;
    private final EventStore events;
    private final MetricStore metrics;
    private final RolloutStore rollouts;
    private final WebhookOutbox outbox;
    private final TrackerStore trackers;
    private final Durations waits = new Durations();
    private final Function<ObjectNode, JobSpec> specs;

    /** @param specs reads a stored request */
    JobStore(Database database, EventStore events, MetricStore metrics, RolloutStore rollouts,
            WebhookOutbox outbox, TrackerStore trackers, Function<ObjectNode, JobSpec> specs) {
        this.database = database;
        this.events = events;
        this.metrics = metrics;
        this.rollouts = rollouts;
        this.outbox = outbox;
        this.trackers = trackers;
        this.specs = specs;
    }

    /**
     * Stores a new job, queued or with data sets that are to be checked first.
     *
     * @param besides in the same transaction
     */
    void insert(String id, String organization, JobSpec spec, JobStatus status, String message,
            Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            ObjectNode metadata = JSON.createObjectNode();
            spec.metadata().forEach((key, value) -> metadata.put(key, value));
            Database.execute(connection,
                    "insert into job (id, organization, created_at, status, request, metadata, total_steps) "
                            + "values (?, ?, ?, ?, ?, ?, ?)",
                    id, organization, System.currentTimeMillis(), status.key(), spec.request().toString(),
                    metadata.toString(), spec.settings().steps());
            trackers.insert(connection, id, Integration.of(spec).size());
            if (status == JobStatus.VALIDATING_FILES) {
                ValidationStore.insert(connection, id);
            }
            events.append(connection, id, Level.INFO, Content.MESSAGE, message, null);
        });
    }

    Optional<Job> job(String id) {
        return database.one("select * from job where id = ?", this::job, id);
    }

    /**
     * Newest first.
     *
     * @param organization only those; {@code null} for all
     * @param after an id; those made before it
     * @param metadata pairs that a job must carry, all of them
     */
    List<Job> list(@Nullable String organization, @Nullable String after, int limit, Map<String, String> metadata) {
        List<Job> found = new ArrayList<>();
        String cursor = after == null ? PAST_ALL_IDS : after;
        // metadata is compared here: JSON functions differ between databases
        while (found.size() < limit) {
            int atOnce = Math.max(limit, 50);
            List<Job> jobs = organization == null
                    ? database.list("select * from job where id < ? order by id desc limit ?", this::job, cursor,
                            atOnce)
                    : database.list("select * from job where organization = ? and id < ? order by id desc limit ?",
                            this::job, organization, cursor, atOnce);
            if (jobs.isEmpty()) {
                break;
            }
            for (Job job : jobs) {
                if (job.spec().metadata().entrySet().containsAll(metadata.entrySet()) && found.size() < limit) {
                    found.add(job);
                }
            }
            cursor = jobs.getLast().id();
        }
        return found;
    }

    List<Job> withStatus(JobStatus... statuses) {
        String in = List.of(statuses)
            .stream()
            .map(status -> "'" + status.key() + "'")
            .collect(Collectors.joining(", "));
        return database.list("select * from job where status in (" + in + ") order by id", this::job);
    }

    /** Jobs whose resulting model can be used. */
    List<Job> withModel() {
        return database.list(
                "select * from job where fine_tuned_model is not null and model_step is not null order by id",
                this::job);
    }

    Optional<Job> byModel(String model) {
        return database.one("select * from job where fine_tuned_model = ? and model_step is not null", this::job,
                model);
    }

    /** To whom jobs with checkpoints belong, by their id. */
    Map<String, String> organizationsOfCheckpoints() {
        Map<String, String> organizations = new HashMap<>();
        database.list("select id, organization from job where id in (select job_id from checkpoint)",
                row -> organizations.put(row.getString(1), row.getString(2)));
        return organizations;
    }

    /** Forgets that the job's model can be used. */
    void deleteModel(String id, int step, CheckpointStore checkpoints) {
        database.change(connection -> {
            Database.execute(connection, "update job set model_step = null where id = ? and model_step = ?", id, step);
            checkpoints.delete(connection, id, step);
        });
    }

    /** The oldest queued job. */
    Optional<Job> nextQueued() {
        return database.one("select * from job where status = ? order by id limit 1", this::job,
                JobStatus.QUEUED.key());
    }

    /**
     * Begins a run: the job is running and its epoch one higher, unless someone was faster.
     *
     * @param firstStep where the run begins; what later steps of an earlier run left is deleted
     * @return the job as it is now
     */
    Optional<Job> claim(Job queued, int firstStep, String message) {
        boolean claimed = database.transaction(connection -> {
            int rows = Database.execute(connection,
                    "update job set status = ?, epoch = epoch + 1, completed_steps = ?, run_first_step = ?, "
                            + "run_started_at = ?, last_step_at = null, finished_at = null, error_code = null, "
                            + "error_message = null, error_param = null where id = ? and status = ? and epoch = ?",
                    JobStatus.RUNNING.key(), firstStep, firstStep, System.currentTimeMillis(), queued.id(),
                    JobStatus.QUEUED.key(), queued.epoch());
            if (rows == 0) {
                return false;
            }
            // step -1, the evaluation before training, is not repeated by a run that goes on
            metrics.deleteFrom(connection, queued.id(), firstStep == 0 ? -1 : firstStep);
            rollouts.deleteFrom(connection, queued.id(), firstStep);
            events.append(connection, queued.id(), Level.INFO, Content.MESSAGE, message, null);
            return true;
        });
        if (claimed && queued.epoch() == 0) {
            waits.add((System.currentTimeMillis() - queued.createdAt()) * 1_000_000);
        }
        return claimed ? job(queued.id()) : Optional.empty();
    }

    /** From the making of a job to its first run, of those that were claimed here. */
    Durations waits() {
        return waits;
    }

    /**
     * Moves a job that nobody runs.
     *
     * @return whether it was in one of the expected states
     */
    boolean move(String id, Set<JobStatus> from, JobStatus to, Level level, String message) {
        return move(id, from, to, level, message, null);
    }

    /** @param error why; {@code null} for no error */
    boolean move(String id, Set<JobStatus> from, JobStatus to, Level level, String message, @Nullable JobError error) {
        if (!from.stream().allMatch(status -> status.next().contains(to))) {
            throw new IllegalArgumentException("No job goes from " + from + " to " + to + ".");
        }
        return database.transaction(connection -> {
            String in = from.stream().map(status -> "'" + status.key() + "'").collect(Collectors.joining(", "));
            int rows = Database.execute(connection,
                    "update job set status = ?, finished_at = ?, error_code = ?, error_message = ?, "
                            + "error_param = null where id = ? and status in (" + in + ")",
                    to.key(), to.ended() ? System.currentTimeMillis() : null, error == null ? null : error.code(),
                    error == null ? null : error.message(), id);
            if (rows > 0) {
                events.append(connection, id, level, Content.MESSAGE, message, null);
                outbox.ended(connection, id, to);
            }
            return rows > 0;
        });
    }

    /** A line in the log of a job, whatever its state. */
    void note(String id, Level level, String message) {
        database.change(connection -> events.append(connection, id, level, Content.MESSAGE, message, null));
    }

    private Job job(ResultSet row) throws SQLException {
        String errorCode = row.getString("error_code");
        Long modelStep = Database.nullableLong(row, "model_step");
        try {
            return new Job(row.getString("id"), row.getString("organization"), row.getLong("created_at"),
                    JobStatus.of(row.getString("status")),
                    specs.apply((ObjectNode) JSON.readTree(row.getString("request"))), row.getLong("epoch"),
                    row.getInt("completed_steps"), Database.nullableLong(row, "run_started_at"),
                    row.getInt("run_first_step"), Database.nullableLong(row, "last_step_at"),
                    Database.nullableLong(row, "finished_at"), Database.nullableLong(row, "trained_tokens"),
                    row.getString("fine_tuned_model"), modelStep == null ? null : modelStep.intValue(),
                    errorCode == null
                            ? null
                            : new JobError(errorCode, row.getString("error_message"), row.getString("error_param")));
        } catch (JsonProcessingException e) {
            throw new SQLException("A job's request is not JSON.", e);
        }
    }
}

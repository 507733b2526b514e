package dev.d3s.server.job;

import java.sql.Connection;
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

import dev.d3s.server.event.EventStore;
import dev.d3s.server.event.JobEvent.Content;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.share.UsageStore;
import dev.d3s.server.spec.Integration;
import dev.d3s.server.spec.JobSpec;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Durations;
import dev.d3s.server.webhook.WebhookOutbox;

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
    private final WebhookOutbox outbox;
    private final UsageStore usage;
    private final Turns turns;
    private final Durations waits = new Durations();
    private final Function<ObjectNode, JobSpec> specs;

    /** @param specs reads a stored request */
    JobStore(Database database, EventStore events, WebhookOutbox outbox, UsageStore usage, Turns turns,
            Function<ObjectNode, JobSpec> specs) {
        this.database = database;
        this.events = events;
        this.outbox = outbox;
        this.usage = usage;
        this.turns = turns;
        this.specs = specs;
    }

    /**
     * Stores a new job, queued or with data sets that are to be checked first.
     *
     * @param besides in the same transaction
     */
    void insert(String id, String organization, JobSpec spec, JobDemand demand, JobStatus status, String message,
            Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            long now = System.currentTimeMillis();
            ObjectNode metadata = JSON.createObjectNode();
            spec.metadata().forEach((key, value) -> metadata.put(key, value));
            Database.execute(connection,
                    "insert into job (id, organization, created_at, queued_at, status, request, metadata, total_steps, "
                            + "priority, threads, memory) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    id, organization, now, now, status.key(), spec.request().toString(),
                    metadata.toString(), spec.settings().steps(), spec.priority(), demand.threads(), demand.memory());
            insertTrackers(connection, id, Integration.of(spec).size());
            if (status == JobStatus.VALIDATING_FILES) {
                ValidationStore.insert(connection, id);
            }
            events.append(connection, id, Level.INFO, Content.MESSAGE, message, null);
        });
    }

    /** From now on they are told how the job goes. */
    private static void insertTrackers(Connection connection, String job, int trackers) throws SQLException {
        for (int position = 0; position < trackers; position++) {
            Database.execute(connection, "insert into job_tracker (job_id, position) values (?, ?)", job, position);
        }
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

    boolean anyQueued() {
        return !database.list("select id from job where status = 'queued' limit 1", row -> row.getString(1)).isEmpty();
    }

    /**
     * Begins a run of the job whose turn it is: it is running and its epoch, the number of the run that every write of a run
     * carries, one higher.
     *
     * @param server that runs it
     * @param permit under which
     * @param room that the server has for jobs
     */
    Optional<Job> claim(String server, String permit, Turns.Room room) {
        Optional<String> claimed = database.transaction(connection -> {
            usage.begin(connection, UsageStore.Use.JOB);
            long now = System.currentTimeMillis();
            Turns.Decision decision = turns.next(now, waiting(connection), runs(connection, server),
                    usage.standing(connection, now), room);
            for (Map.Entry<String, String> wait : decision.waits().entrySet()) {
                tell(connection, wait.getKey(), wait.getValue(), now);
            }
            Turns.Waiting next = decision.job();
            if (next == null) {
                return Optional.empty();
            }
            int rows = Database.execute(connection,
                    "update job set status = 'running', epoch = epoch + 1, server = ?, permit = ?, wish = null, "
                            + "waits_for = null, run_first_step = completed_steps, run_started_at = ?, charged_at = ?, "
                            + "finished_at = null, estimated_finish = null, error_code = null, "
                            + "error_message = null, error_param = null where id = ? and status = 'queued'",
                    server, permit, now, now, next.job());
            return rows == 0 ? Optional.empty() : Optional.of(next.job());
        });
        Optional<Job> job = claimed.flatMap(this::job);
        job.filter(first -> first.epoch() == 1)
            .ifPresent(first -> waits.add((System.currentTimeMillis() - first.createdAt()) * 1_000_000));
        return job;
    }

    private static List<Turns.Waiting> waiting(Connection connection) throws SQLException {
        return Database.list(connection,
                "select id, organization, queued_at, threads, memory from job where status = 'queued' "
                        + "order by organization, priority desc, id",
                row -> new Turns.Waiting(row.getString("id"), row.getString("organization"), row.getLong("queued_at"),
                        row.getInt("threads"), row.getLong("memory")));
    }

    private static List<Turns.Running> runs(Connection connection, String server) throws SQLException {
        return Database.list(connection,
                "select organization, server, threads, memory from job where status = 'running'",
                row -> new Turns.Running(row.getString("organization"), server.equals(row.getString("server")),
                        row.getInt("threads"), row.getLong("memory")));
    }

    /** Says why a job waits, once a day for the same reason. */
    private void tell(Connection connection, String id, String why, long now) throws SQLException {
        String mark = UsageStore.day(now) + "-" + Integer.toHexString(why.replaceAll("\\d+", "").hashCode());
        int rows = Database.execute(connection,
                "update job set waits_for = ? where id = ? and (waits_for is null or waits_for <> ?)", mark, id, mark);
        if (rows > 0) {
            events.append(connection, id, Level.INFO, Content.MESSAGE, why, null);
        }
    }

    /** Of all of an organization's jobs. */
    List<String> ids(String organization) {
        return database.list("select id from job where organization = ?", row -> row.getString(1), organization);
    }

    /** An organization's jobs that wait, or will. */
    int waiting(String organization) {
        return database
            .one("select count(*) from job where organization = ? and status in ('queued', 'validating_files')",
                    row -> row.getInt(1), organization)
            .orElse(0);
    }

    /**
     * A run as it is stored.
     *
     * @param wish what somebody wants of it
     */
    record Owner(String job, long epoch, @Nullable String server, JobRun.@Nullable Stop wish) {
        private static Owner of(ResultSet row) throws SQLException {
            return new Owner(row.getString("id"), row.getLong("epoch"), row.getString("server"),
                    JobRun.Stop.of(row.getString("wish")));
        }
    }

    /** @param server that runs them; {@code null} for any */
    List<Owner> running(@Nullable String server) {
        String select = "select id, epoch, server, wish from job where status = 'running'";
        return server == null
                ? database.list(select, Owner::of)
                : database.list(select + " and server = ?", Owner::of, server);
    }

    /** Permits under which a server runs jobs. */
    List<String> permits(String server) {
        return database.list("select permit from job where status = 'running' and server = ? and permit is not null",
                row -> row.getString(1), server);
    }

    /** The run that lives under a permit, if there is one. */
    List<Owner> holding(String permit) {
        return database.list("select id, epoch, server, wish from job where status = 'running' and permit = ?",
                Owner::of, permit);
    }

    /**
     * Wants something of a run, wherever it is.
     *
     * @return whether there is one
     */
    boolean wish(String id, JobRun.Stop wish, String message) {
        return database.transaction(connection -> {
            int rows = Database.execute(connection,
                    "update job set wish = case when wish = 'cancel' then wish else ? end "
                            + "where id = ? and status = 'running'",
                    wish.key(), id);
            if (rows > 0) {
                events.append(connection, id, Level.INFO, Content.MESSAGE, message, null);
            }
            return rows > 0;
        });
    }

    /**
     * Decides what becomes of a job whose run is nobody's any more: it goes on, unless somebody wished otherwise, or it seems to
     * be what ends servers.
     *
     * @param why the beginning of a sentence about it
     * @return whether it was still that run's
     */
    boolean recover(Owner run, String why) {
        return database.transaction(connection -> {
            List<Setback> found = Database.list(connection,
                    "select wish, completed_steps, run_first_step, crashes, setbacks, crash_step from job "
                            + "where id = ? and epoch = ? and status = 'running'" + database.forUpdate(),
                    Setback::of, run.job(), run.epoch());
            if (found.isEmpty()) {
                return false;
            }
            Setback setback = found.getFirst();
            JobStatus to = setback.becomes();
            long now = System.currentTimeMillis();
            JobError error = to == JobStatus.PAUSED && setback.loops() ? setback.error(run.job()) : null;
            Database.execute(connection,
                    "update job set status = ?, queued_at = ?, finished_at = ?, permit = null, wish = null, crashes = ?, "
                            + "setbacks = ?, crash_step = ?, error_code = ?, error_message = ?, error_param = null "
                            + "where id = ?",
                    to.key(), now, to.ended() ? now : null, setback.crashes(), setback.setbacks(), setback.step(),
                    error == null ? null : error.code(), error == null ? null : error.message(), run.job());
            events.append(connection, run.job(), Level.WARN, Content.MESSAGE,
                    error == null ? why + "; " + setback.words(run.job()) : error.message(), null);
            JobReports.put(outbox, connection, run.job(), to);
            return true;
        });
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
        long now = System.currentTimeMillis();
        return database.transaction(connection -> {
            String in = from.stream().map(status -> "'" + status.key() + "'").collect(Collectors.joining(", "));
            int rows = Database.execute(connection,
                    "update job set status = ?, queued_at = ?, finished_at = ?, crashes = 0, setbacks = 0, "
                            + "crash_step = -1, error_code = ?, error_message = ?, error_param = null "
                            + "where id = ? and status in (" + in + ")",
                    to.key(), now, to.ended() ? now : null, error == null ? null : error.code(),
                    error == null ? null : error.message(), id);
            if (rows > 0) {
                events.append(connection, id, level, Content.MESSAGE, message, null);
                JobReports.put(outbox, connection, id, to);
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
        JobStatus status = JobStatus.of(row.getString("status"));
        try {
            return new Job(row.getString("id"), row.getString("organization"), row.getLong("created_at"),
                    status, specs.apply((ObjectNode) JSON.readTree(row.getString("request"))), row.getLong("epoch"),
                    row.getInt("completed_steps"), Database.nullableLong(row, "run_started_at"),
                    status == JobStatus.RUNNING ? Database.nullableLong(row, "estimated_finish") : null,
                    Database.nullableLong(row, "finished_at"), Database.nullableLong(row, "trained_tokens"),
                    row.getString("fine_tuned_model"), modelStep == null ? null : modelStep.intValue(),
                    errorCode == null
                            ? null
                            : new JobError(errorCode, row.getString("error_message"), row.getString("error_param")),
                    row.getString("server"), row.getString("permit"));
        } catch (JsonProcessingException e) {
            throw new SQLException("A job's request is not JSON.", e);
        }
    }
}

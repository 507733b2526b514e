package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.event.EventStore;
import dev.d3s.server.event.JobEvent.Content;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.share.UsageStore;
import dev.d3s.server.store.Database;
import dev.d3s.server.training.Metric;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.TrainingTotals;
import dev.d3s.server.webhook.WebhookOutbox;

/**
 * The only way in which a run writes about its job. Each method is one transaction that does nothing but fail when the job
 * has moved on without this run: its epoch rose, or it is no longer running.
 */
final class RunRecord {
    private final Database database;
    private final EventStore events;
    private final MetricStore metrics;
    private final RolloutStore rollouts;
    private final CheckpointStore checkpoints;
    private final WebhookOutbox outbox;
    private final UsageStore usage;
    private final String job;
    private final long epoch;

    RunRecord(Database database, EventStore events, MetricStore metrics, RolloutStore rollouts,
            CheckpointStore checkpoints, WebhookOutbox outbox, UsageStore usage, String job, long epoch) {
        this.database = database;
        this.events = events;
        this.metrics = metrics;
        this.rollouts = rollouts;
        this.checkpoints = checkpoints;
        this.outbox = outbox;
        this.usage = usage;
        this.job = job;
        this.epoch = epoch;
    }

    /** The run's job was taken from it. */
    static final class StaleRunException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        StaleRunException(String job, long epoch) {
            super("Run " + epoch + " of job " + job + " is no longer the job's run.");
        }
    }

    /**
     * Says where the run begins; what later steps of an earlier run left is deleted.
     *
     * @param firstStep steps that are done
     */
    void begin(int firstStep) {
        database.change(connection -> {
            guarded(Database.execute(connection, guardedUpdate("completed_steps = ?, run_first_step = ?"), firstStep,
                    firstStep, job, epoch));
            // step -1, the evaluation before training, is not repeated by a run that goes on
            metrics.deleteFrom(connection, job, firstStep == 0 ? -1 : firstStep);
            rollouts.deleteFrom(connection, job, firstStep);
            events.append(connection, job, Level.INFO, Content.MESSAGE,
                    firstStep == 0 ? "The job has started." : "The job goes on after step " + firstStep + ".", null);
        });
    }

    void message(Level level, String text) {
        change(JobStatus.RUNNING, "epoch = epoch", text, level);
    }

    /** Metrics, event, counters and recorded rollouts of one step. */
    void step(StepReport report, String text) {
        ObjectNode data = JsonNodeFactory.instance.objectNode();
        data.put("step", report.step());
        data.put("total_steps", report.totalSteps());
        report.metrics().forEach((name, value) -> {
            if (Double.isFinite(value)) {
                data.put(name, value);
            }
        });
        Double trained = report.metrics().get(Metric.TRAINED_TOKENS.key());
        Long finish = Double.isNaN(report.remaining())
                ? null
                : System.currentTimeMillis() + Math.round(1000 * report.remaining());
        // packed before the transaction, which keeps others from writing
        byte[] recorded = report.rollouts().isEmpty() ? null : RolloutStore.packed(report.rollouts());
        database.change(connection -> {
            charge(connection);
            if (trained != null) {
                chargeTokens(connection, trained.longValue());
            }
            if (report.step() < 0) {
                guarded(Database.execute(connection, guardedUpdate("epoch = epoch"), job, epoch));
            } else {
                guarded(Database.execute(connection,
                        guardedUpdate("completed_steps = ?, estimated_finish = ?, "
                                + "trained_tokens = coalesce(?, trained_tokens)"),
                        report.step() + 1, finish, trained == null ? null : trained.longValue(),
                        job,
                        epoch));
            }
            metrics.put(connection, job, report.step(), report.metrics());
            if (recorded != null) {
                rollouts.put(connection, job, report.step(), recorded);
            }
            events.append(connection, job, Level.INFO, Content.METRICS, text, data);
        });
    }

    private void charge(Connection connection) throws SQLException {
        usage.charge(connection, UsageStore.Use.JOB, job);
    }

    /** @param trained tokens that the job has trained on by now; before they are in its row */
    private void chargeTokens(Connection connection, long trained) throws SQLException {
        record Before(String organization, long tokens) {}
        for (Before before : Database.list(connection, "select organization, trained_tokens from job where id = ?",
                row -> new Before(row.getString(1), row.getLong(2)), job)) {
            usage.addTokens(connection, before.organization(), trained - before.tokens());
        }
    }

    void checkpoint(Checkpoint checkpoint) {
        database.change(connection -> {
            guarded(Database.execute(connection, guardedUpdate("epoch = epoch"), job, epoch));
            checkpoints.put(connection, checkpoint);
            events.append(connection, job, Level.INFO, Content.MESSAGE, "Checkpoint after " + checkpoint.step()
                    + (checkpoint.step() == 1 ? " step: " : " steps: ") + checkpoint.model(), null);
        });
    }

    /** Seconds of the phases of each step that is done. */
    SortedMap<Integer, Map<String, Double>> phases() {
        return metrics.bySteps(job,
                Stream.of(Metric.values()).filter(Metric::isPhase).map(Metric::key).collect(Collectors.toSet()));
    }

    /** How the rollout engine takes over weights, as an earlier run found out; {@code null} before. */
    @Nullable
    RefreshMode refreshMode() {
        return database
            .one("select refresh_mode from job where id = ? and refresh_mode is not null",
                    row -> row.getString("refresh_mode"), job)
            .map(RefreshMode::valueOf)
            .orElse(null);
    }

    void refreshes(RefreshMode mode) {
        database.change(connection -> guarded(Database.execute(connection, guardedUpdate("refresh_mode = ?"),
                mode.name(), job, epoch)));
    }

    /** Takes checkpoints off the list. */
    void retired(List<Checkpoint> old) {
        database.change(connection -> {
            guarded(Database.execute(connection, guardedUpdate("epoch = epoch"), job, epoch));
            for (Checkpoint checkpoint : old) {
                checkpoints.delete(connection, checkpoint);
            }
        });
    }

    void succeeded(TrainingTotals totals, String model, int modelStep) {
        change(JobStatus.SUCCEEDED,
                "status = 'succeeded', trained_tokens = ?, fine_tuned_model = ?, model_step = ?, finished_at = ?",
                "The job has succeeded: model " + model + ", " + totals.trainedTokens() + " tokens trained on, "
                        + totals.generatedTokens() + " generated.",
                Level.INFO, totals.trainedTokens(), model, modelStep, System.currentTimeMillis());
    }

    void failed(JobError error) {
        change(JobStatus.FAILED,
                "status = 'failed', finished_at = ?, error_code = ?, error_message = ?, error_param = ?",
                "The job has failed: " + error.message(), Level.ERROR, System.currentTimeMillis(), error.code(),
                error.message(), error.param());
    }

    void cancelled() {
        change(JobStatus.CANCELLED, "status = 'cancelled', finished_at = ?", "The job was cancelled.", Level.INFO,
                System.currentTimeMillis());
    }

    /** @param error why, which is also in the log */
    void paused(JobError error) {
        change(JobStatus.PAUSED, "status = 'paused', error_code = ?, error_message = ?", error.message(), Level.WARN,
                error.code(), error.message());
    }

    /** Lets whoever has room go on with the job. */
    void requeued(String text) {
        change(JobStatus.QUEUED, "status = 'queued', queued_at = ?, permit = null, crashes = 0, setbacks = 0", text,
                Level.WARN, System.currentTimeMillis());
    }

    void paused(Level level, String text) {
        change(JobStatus.PAUSED, "status = 'paused'", text, level);
    }

    private void change(JobStatus status, String set, String text, Level level, @Nullable Object... values) {
        @Nullable
        Object[] arguments = Arrays.copyOf(values, values.length + 2);
        arguments[values.length] = job;
        arguments[values.length + 1] = epoch;
        database.change(connection -> {
            if (status != JobStatus.RUNNING) {
                charge(connection);
            }
            guarded(Database.execute(connection, guardedUpdate(set), arguments));
            events.append(connection, job, level, Content.MESSAGE, text, null);
            JobReports.put(outbox, connection, job, status);
        });
    }

    private static String guardedUpdate(String set) {
        return "update job set " + set + " where id = ? and epoch = ? and status = 'running'";
    }

    private void guarded(int rows) throws SQLException {
        if (rows == 0) {
            throw new StaleRunException(job, epoch);
        }
    }

    /** A line for people: the numbers one looks at first. */
    static String text(StepReport report) {
        Map<String, Double> metrics = report.metrics();
        StringBuilder text = new StringBuilder(report.step() < 0
                ? "Before training"
                : "Step " + (report.step() + 1) + "/" + report.totalSteps());
        String separator = ": ";
        for (Metric metric : new Metric[]{Metric.REWARD_MEAN, Metric.LOSS, Metric.VALIDATION_LOSS, Metric.ACCURACY,
                Metric.KEPT_ROLLOUT_RATIO, Metric.KEPT_TOKEN_RATIO, Metric.TOKENS_PER_SECOND}) {
            Double value = metrics.get(metric.key());
            if (value != null && Double.isFinite(value)) {
                text.append(separator)
                    .append(metric.key().replace('_', ' '))
                    .append(' ')
                    .append(String.format(Locale.ROOT, "%.4g", value));
                separator = ", ";
            }
        }
        metrics.forEach((name, value) -> {
            if ((name.startsWith("avg_at_") || name.startsWith("pass_at_")) && !name.endsWith("_standard_error")) {
                text.append(String.format(Locale.ROOT, ", %s %.4g", name.replace('_', ' '), value));
            }
        });
        return text.toString();
    }
}

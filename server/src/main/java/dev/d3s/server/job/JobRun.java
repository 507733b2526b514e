package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicReference;

import org.jboss.logging.Logger;
import org.jboss.logging.MDC;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.event.EventSignal;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.file.FileService;
import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.job.RunRecord.StaleRunException;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.spec.JobSpec;
import dev.d3s.server.store.IoFailures;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.Training;
import dev.d3s.server.training.TrainingObserver;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingStopped;
import dev.d3s.server.training.TrainingTotals;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * One run of a job, from its first or resumed step to however it ends. Runs on the queue's thread; only {@link #stop} is for
 * others. However it ends, the job is left in a state that says so and the thread goes on.
 */
final class JobRun implements TrainingObserver {
    private static final Logger LOG = Logger.getLogger(JobRun.class);
    private static final int ATTEMPTS_TO_RECORD_THE_END = 5;
    private static final String JOB = "job";
    private static final String ORGANIZATION = "organization";
    /** In the log: the step in progress, counted from 0 as in the metrics. */
    private static final String STEP = "step";

    private final Job job;
    private final Caller caller;
    private final RunRecord record;
    private final EventSignal signal;
    private final Checkpoints checkpoints;
    private final ModelCatalog models;
    private final JobModels made;
    private final FileService files;
    private final String model;
    private final AtomicReference<@Nullable Stop> stop = new AtomicReference<>();
    private volatile boolean lost;
    private int lastCheckpoint = -1;

    JobRun(Job job, Stores stores, ModelCatalog models, JobModels made, FileService files, EventSignal signal) {
        this.job = job;
        this.caller = Caller.server(job.organization());
        this.record = stores.run(job);
        this.checkpoints = new Checkpoints(stores, models, made);
        this.models = models;
        this.made = made;
        this.files = files;
        this.signal = signal;
        this.model = JobModels.fineTunedId(job);
    }

    /** Why a run should end early; the strongest wish wins. */
    enum Stop {
        LIMIT, SHUTDOWN, PAUSE, CANCEL;

        /** As stored. */
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }

        static @Nullable Stop of(@Nullable String key) {
            return key == null ? null : valueOf(key.toUpperCase(Locale.ROOT));
        }
    }

    Job job() {
        return job;
    }

    @Override
    public String toString() {
        return job.id();
    }

    void stop(Stop reason) {
        stop.accumulateAndGet(reason,
                (now, wish) -> now == null || (wish != null && wish.compareTo(now) > 0) ? wish : now);
    }

    /** The job was taken from this run: it ends as soon as it asks, and writes nothing more. */
    void abandon() {
        lost = true;
    }

    void run(Training training) {
        // every line that this thread logs says whose run it is
        context().forEach(MDC::put);
        try {
            runToTheEnd(training);
            LOG.infof("Job %s has stopped running.", job.id());
        } finally {
            context().keySet().forEach(MDC::remove);
            MDC.remove(STEP);
        }
    }

    private void runToTheEnd(Training training) {
        Runnable end = outcome(training);
        for (int attempt = 1;; attempt++) {
            try {
                end.run();
                signal.raise();
                return;
            } catch (StaleRunException e) {
                LOG.warn(e.getMessage());
                return;
            } catch (D3sException e) {
                // a full disk may need a moment until what this run had half written is gone
                boolean waits = e.code().equals(DiskSpace.DISK_FULL) && stop.get() != Stop.SHUTDOWN;
                if (attempt >= ATTEMPTS_TO_RECORD_THE_END && !waits) {
                    LOG.errorf(e, "How job %s ended could not be stored; it is queued again when the database is back.",
                            job.id());
                    return;
                }
                pause(Math.min(attempt, ATTEMPTS_TO_RECORD_THE_END));
            }
        }
    }

    /** Trains, and returns what has to be stored about the end. */
    private Runnable outcome(Training training) {
        try {
            checkpoints.clean(job);
            Checkpoint resumeFrom = checkpoints.resumable(job);
            lastCheckpoint = resumeFrom == null ? -1 : resumeFrom.step();
            int firstStep = resumeFrom == null ? 0 : resumeFrom.step();
            MDC.put(STEP, firstStep);
            LOG.infof("Job %s runs, from step %d.", job.id(), firstStep);
            record.begin(firstStep);
            signal.raise();
            TrainingTotals totals = training.run(request(resumeFrom), this);
            if (lastCheckpoint < 0) {
                throw new D3sException(ErrorCategory.INTERNAL, "no_checkpoint",
                        "The training ended without a checkpoint, so there is no model.");
            }
            return () -> record.succeeded(totals, model, lastCheckpoint);
        } catch (TrainingStopped e) {
            Stop reason = stop.get();
            if (reason == null && e.getCause() instanceof CancellationException) {
                // the process is ending, and the engines heard of it before the queue did
                reason = Stop.SHUTDOWN;
            }
            return switch (reason) {
                case CANCEL -> record::cancelled;
                case PAUSE -> () -> record.paused(Level.INFO,
                        "The job is paused; " + howToResume(job.id()) + repeated(e));
                case LIMIT -> () -> record.requeued(
                        "The organization has had its tokens of the day: the job is queued again, and goes on after its last "
                                + "checkpoint." + repeated(e));
                case SHUTDOWN -> () -> record.requeued(
                        "The server stopped: the job is queued again, and goes on after its last checkpoint."
                                + repeated(e));
                case null -> failure(new JobError("internal_error",
                        "The training stopped although nobody asked for it.", null), e);
            };
        } catch (StaleRunException e) {
            return () -> {
                throw e;
            };
        } catch (D3sException e) {
            return failure(e, e);
        } catch (IOException e) {
            return failure(IoFailures.exception("training", e), e);
        } catch (OutOfMemoryError e) {
            return failure(new JobError("out_of_memory", "The server ran out of memory (" + e.getMessage()
                    + "; Java's heap may have " + (Runtime.getRuntime().maxMemory() >> 20)
                    + " MiB): use a smaller batch_size, group_size or max_tokens, or give it more memory.",
                    null), e);
        } catch (Throwable e) { // whatever a plugin or engine throws: the server goes on
            return failure(new JobError("internal_error", "The server failed (" + e.getClass().getSimpleName()
                    + "); its log has the details under job " + job.id() + ".", null), e);
        }
    }

    private Runnable failure(D3sException words, Throwable cause) {
        if (!words.code().equals(DiskSpace.DISK_FULL)) {
            return failure(new JobError(words.code(), words.text(), null), cause);
        }
        Path parent = made.checkpointsDirectory(job.id());
        String message = "The job is paused because the disk is full, and goes on after its last checkpoint when there is"
                + " space for the next one in " + parent + ". " + words.text();
        LOG.warnf("Job %s: %s", job.id(), message);
        return () -> record.paused(new JobError(DiskSpace.DISK_FULL, message, null));
    }

    private Runnable failure(JobError error, Throwable cause) {
        if (cause instanceof D3sException known && known.category() != ErrorCategory.INTERNAL
                && known.category() != ErrorCategory.PLUGIN) {
            LOG.warnf("Job %s failed: %s", job.id(), error.message());
        } else {
            LOG.errorf(cause, "Job %s failed: %s", job.id(), error.message());
        }
        return () -> record.failed(error);
    }

    private static String repeated(TrainingStopped stopped) {
        int from = stopped.repeatsFrom();
        return from < 0
                ? ""
                : " It stopped between the updates of a step, so it goes "
                        + (from == 0 ? "back to its beginning." : "back to the checkpoint after step " + from + ".");
    }

    static String howToResume(String job) {
        return "resume it with POST /v1/fine_tuning/jobs/" + job + "/resume.";
    }

    private TrainingRequest request(@Nullable Checkpoint resumeFrom) {
        JobSpec spec = job.spec();
        String validation = spec.validationFile();
        return new TrainingRequest(spec.seed(), models.model(caller, spec.model()).directory(),
                data(spec.trainingFile()),
                validation == null ? null : data(validation),
                resumeFrom == null ? null : made.checkpointDirectory(resumeFrom), spec.settings(),
                spec.engines(), job.organization());
    }

    private Path data(String file) {
        return files.data(caller, file).orElseThrow(() -> new NotFoundException("file", file));
    }

    // ---------------------------------------------------------------- what the training loop calls

    @Override
    public boolean stopRequested() {
        if (lost) {
            throw new StaleRunException(job.id(), job.epoch());
        }
        return stop.get() != null;
    }

    @Override
    public List<String> policyNames() {
        return List.of(model, job.id());
    }

    @Override
    public Map<String, String> context() {
        return Map.of(JOB, job.id(), ORGANIZATION, job.organization());
    }

    @Override
    public @Nullable RefreshMode refreshMode() {
        return record.refreshMode();
    }

    @Override
    public @Nullable Path newestCheckpoint() {
        return checkpoints.newest(job).map(made::checkpointDirectory).orElse(null);
    }

    @Override
    public SortedMap<Integer, Map<String, Double>> earlierSteps() {
        return record.phases();
    }

    @Override
    public void refreshes(RefreshMode mode) {
        record.refreshes(mode);
    }

    @Override
    public void message(String text) {
        record.message(Level.INFO, text);
        signal.raise();
    }

    @Override
    public void report(StepReport report) {
        record.step(report, RunRecord.text(report));
        MDC.put(STEP, report.step() + 1);
        signal.raise();
    }

    @Override
    public void interim(int completedSteps, Map<String, Double> metrics, CheckpointContent content)
            throws IOException {
        write(completedSteps, metrics, true, content);
    }

    @Override
    public void checkpoint(int completedSteps, Map<String, Double> metrics, CheckpointContent content)
            throws IOException {
        write(completedSteps, metrics, false, content);
    }

    private void write(int completedSteps, Map<String, Double> metrics, boolean interim, CheckpointContent content)
            throws IOException {
        checkpoints.write(record, job, completedSteps, JobModels.checkpointId(model, completedSteps), metrics,
                interim, content);
        lastCheckpoint = completedSteps;
        signal.raise();
    }

    private static void pause(int attempt) {
        try {
            Thread.sleep(200L * attempt);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

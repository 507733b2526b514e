package dev.d3s.server.job;

import java.time.Duration;
import java.util.Collection;
import java.util.function.Function;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.job.ValidationStore.Unchecked;
import dev.d3s.server.planning.MemoryPlan;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.spec.JobSpecReader;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Runs;
import dev.d3s.server.store.Stoppable;
import dev.d3s.spi.D3sException;

/**
 * Reads through the data sets of jobs that were accepted before that, because it takes longer than a client waits: one job after
 * the other, oldest first, on one platform thread. A job that is paused or cancelled meanwhile, here or by another server, is left
 * alone; one whose server stopped is taken by the next. Closed by {@link JobService}.
 */
final class FileValidation implements AutoCloseable, Runs.Kind<FileValidation.Check> {
    private static final Logger LOG = Logger.getLogger(FileValidation.class);
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(2);

    private final Database database;
    private final ValidationStore store;
    private final ClusterSettings cluster;
    private final Function<String, JobSpecReader> readers;
    private final Runnable changed;
    private final Runs<Check> runs;

    /**
     * @param readers read requests as an organization sees the server
     * @param changed to be called when a job's status has changed
     */
    FileValidation(Database database, ValidationStore store, ClusterSettings cluster,
            Function<String, JobSpecReader> readers, Runnable changed) {
        this.database = database;
        this.store = store;
        this.cluster = cluster;
        this.readers = readers;
        this.changed = changed;
        this.runs = new Runs<>(database, "validation_permit", cluster, "d3s-files", 1, TIME_TO_STOP, this);
    }

    /** The check of one job. */
    final class Check {
        private final Unchecked unchecked;
        private final Stoppable work = new Stoppable(Thread.ofPlatform().name("d3s-files").daemon(), this::check);

        private Check(Unchecked unchecked) {
            this.unchecked = unchecked;
        }

        @Override
        public String toString() {
            return "the check of " + unchecked.job();
        }

        private void check() {
            String job = unchecked.job();
            Runnable result;
            try {
                JobSpecReader.Planned planned = readers.apply(unchecked.organization()).plan(unchecked.request());
                result = () -> store.succeeded(unchecked, planned.spec(), JobDemand.of(planned),
                        "The files are checked. " + queued(planned));
            } catch (InvalidRequestException e) {
                result = () -> store.failed(unchecked, error(e));
            } catch (D3sException e) {
                result = () -> store.failed(unchecked, new JobError(e.code(), e.text(), null));
            } catch (OutOfMemoryError | StackOverflowError | RuntimeException e) {
                LOG.warnf(e, "The files of job %s could not be checked.", job);
                result = () -> store.failed(unchecked,
                        new JobError("internal_error", "The server failed while it read the files ("
                                + e.getClass().getSimpleName() + "); its log has the details under job " + job + ".",
                                null));
            }
            end(result);
        }

        private void end(Runnable result) {
            try {
                if (work.stopped()) {
                    Thread.interrupted(); // nothing more is to be broken off
                    store.release(unchecked.permit());
                } else {
                    result.run();
                    changed.run();
                }
            } catch (D3sException e) {
                LOG.errorf(e, "What came of the files of job %s could not be stored; they are checked again.",
                        unchecked.job());
            }
        }
    }

    void start() {
        runs.start(() -> store.recover(database.shared() ? cluster.name() : null));
    }

    /** There may be a job to check. */
    void wake() {
        runs.wake();
    }

    /** A job does not want to be checked any more. */
    void stop(String job) {
        runs.among(all -> all.stream().filter(check -> check.unchecked.job().equals(job)).forEach(this::stop));
    }

    @Override
    public void close() {
        runs.close();
    }

    @Override
    public boolean waiting() {
        return store.anyWaiting();
    }

    @Override
    public @Nullable Check claim(String permit) {
        return store.claim(cluster.name(), permit).map(Check::new).orElse(null);
    }

    @Override
    public void run(Check check) {
        check.work.run();
    }

    @Override
    public void stop(Check check) {
        check.work.stop();
    }

    @Override
    public void orphaned(String permit) {
        store.release(permit);
    }

    @Override
    public Collection<String> held() {
        return store.permits(cluster.name());
    }

    @Override
    public void lost(Check check) {
        stop(check);
    }

    /** What a job that is queued now will do. */
    static String queued(JobSpecReader.Planned planned) {
        MemoryPlan plan = planned.plan();
        return "The job is queued: " + planned.spec().settings().steps() + " steps from model " + planned.spec().model()
                + "." + (plan == null ? "" : " " + plan.sentence());
    }

    /** As OpenAI's service calls it when a file is at fault. */
    static JobError error(InvalidRequestException invalid) {
        String code = invalid.mistakes()
            .stream()
            .filter(mistake -> mistake.param() != null && mistake.param().endsWith("_file"))
            .findFirst()
            .map(mistake -> "invalid_" + mistake.param())
            .orElse(invalid.code());
        return new JobError(code, invalid.text(), invalid.mistakes().getFirst().param());
    }
}

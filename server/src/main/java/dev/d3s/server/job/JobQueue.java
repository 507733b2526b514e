package dev.d3s.server.job;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.job.JobEvent.Level;
import dev.d3s.server.training.Training;

/**
 * Runs queued jobs one after the other, oldest first, on one platform thread: training has the machine to itself, and engines
 * keep their threads. Closed by {@link JobService}.
 */
final class JobQueue implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(JobQueue.class);
    private static final int SECONDS_BETWEEN_LOOKS = 10;
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(60);

    private final Stores stores;
    private final ModelCatalog models;
    private final FileService files;
    private final EventSignal signal;
    private final Training training;
    private final Checkpoints checkpoints;
    private final Semaphore work = new Semaphore(0);
    private final ReentrantLock lock = new ReentrantLock();
    private final Thread thread = Thread.ofPlatform().name("d3s-jobs").daemon().unstarted(this::runJobs);
    private volatile boolean closed;
    private volatile @Nullable JobRun running;

    JobQueue(Stores stores, ModelCatalog models, FileService files, EventSignal signal, Training training) {
        this.stores = stores;
        this.models = models;
        this.files = files;
        this.signal = signal;
        this.training = training;
        this.checkpoints = new Checkpoints(stores, models);
    }

    void start() {
        thread.start();
        wake();
    }

    /** There may be a queued job. */
    void wake() {
        work.release();
    }

    /** @return whether the job has a run that was asked to stop */
    boolean stop(String job, JobRun.Stop reason) {
        lock.lock();
        try {
            JobRun run = running;
            if (run == null || !run.job().id().equals(job)) {
                return false;
            }
            run.stop(reason);
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Lets the running job write a checkpoint and pauses it. */
    @Override
    public void close() {
        closed = true;
        JobRun run = running;
        if (run != null) {
            run.stop(JobRun.Stop.SHUTDOWN);
        }
        wake();
        try {
            if (thread.isAlive() && !thread.join(TIME_TO_STOP)) {
                LOG.warnf("The running job did not stop within %s; it is marked interrupted at the next start.",
                        TIME_TO_STOP);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void runJobs() {
        while (!closed) {
            try {
                if (work.tryAcquire(SECONDS_BETWEEN_LOOKS, TimeUnit.SECONDS)) {
                    work.drainPermits();
                }
                while (!closed && runNext()) {
                    // one after the other
                }
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                LOG.error("The job queue could not read its next job; it tries again.", e);
            }
        }
    }

    /** @return whether there was one */
    private boolean runNext() {
        Optional<Job> next = stores.jobs.nextQueued();
        if (next.isEmpty()) {
            return false;
        }
        Job queued = next.get();
        Checkpoint resumeFrom = checkpoints.resumable(queued);
        int firstStep = resumeFrom == null ? 0 : resumeFrom.step();
        JobRun run = claim(queued, firstStep);
        if (run == null) {
            return true;
        }
        try {
            if (closed) {
                run.stop(JobRun.Stop.SHUTDOWN);
            }
            signal.raise();
            run.run(training, resumeFrom);
        } finally {
            running = null;
        }
        return true;
    }

    /** Under the lock, so that whoever sees the job running also finds its run. */
    private @Nullable JobRun claim(Job queued, int firstStep) {
        lock.lock();
        try {
            running = stores.jobs
                .claim(queued, firstStep,
                        firstStep == 0 ? "The job has started." : "The job goes on after step " + firstStep + ".")
                .map(job -> new JobRun(job, stores, models, files, signal))
                .orElse(null);
            return running;
        } finally {
            lock.unlock();
        }
    }

    /** What the last process left running is interrupted: nobody runs it any more. */
    void markInterrupted() {
        for (Job job : stores.jobs.withStatus(JobStatus.RUNNING)) {
            String message = "The job was interrupted by a restart of the server; " + JobRun.howToResume(job.id());
            stores.jobs.move(job.id(), Set.of(JobStatus.RUNNING), JobStatus.PAUSED, Level.WARN, message,
                    new Job.JobError("interrupted", message, null));
        }
    }
}

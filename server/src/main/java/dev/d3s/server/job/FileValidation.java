package dev.d3s.server.job;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.job.ValidationStore.Unchecked;
import dev.d3s.server.planning.MemoryPlan;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.spec.JobSpecReader;
import dev.d3s.spi.D3sException;

/**
 * Reads through the data sets of jobs that were accepted before that, because it takes longer than a client waits: one job after
 * the other, oldest first, on one platform thread. A job that is paused or cancelled meanwhile, here or by another server, is left
 * alone; one whose server stopped is taken by the next. Closed by {@link JobService}.
 */
final class FileValidation implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(FileValidation.class);
    private static final Duration CLAIM = Duration.ofSeconds(10);
    private static final Duration BETWEEN_SIGNS = Duration.ofSeconds(2);
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(10);

    private final ValidationStore store;
    private final Function<String, JobSpecReader> readers;
    private final Runnable queued;
    private final Semaphore work = new Semaphore(0);
    private final Thread thread = Thread.ofPlatform().name("d3s-files").daemon().unstarted(this::checkJobs);
    private final ReentrantLock lock = new ReentrantLock();
    private volatile boolean closed;
    /** What the thread checks; guarded by lock. */
    private @Nullable String current;
    /** Whether it should leave that; guarded by lock. */
    private boolean stopped;

    /**
     * @param readers read requests as an organization sees the server
     * @param queued to be called when a job's status has changed
     */
    FileValidation(ValidationStore store, Function<String, JobSpecReader> readers, Runnable queued) {
        this.store = store;
        this.readers = readers;
        this.queued = queued;
    }

    void start() {
        thread.start();
        wake();
    }

    /** There may be a job to check. */
    void wake() {
        work.release();
    }

    /** A job does not want to be checked any more. */
    void stop(String job) {
        lock.lock();
        try {
            if (job.equals(current)) {
                stopped = true;
                thread.interrupt();
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        closed = true;
        lock.lock();
        try {
            stopped = true;
            thread.interrupt();
        } finally {
            lock.unlock();
        }
        try {
            if (thread.isAlive() && !thread.join(TIME_TO_STOP)) {
                LOG.warn("A data set is still being read while the server stops.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void checkJobs() {
        while (!closed) {
            try {
                if (work.tryAcquire(CLAIM.toSeconds(), TimeUnit.SECONDS)) {
                    work.drainPermits();
                }
                while (!closed && checkNext()) {
                    // one after the other
                }
            } catch (InterruptedException e) {
                // closed, or a stop that came when its job was done
            } catch (RuntimeException e) {
                if (!closed) {
                    LOG.error("The next job whose files are to be checked could not be read; it is tried again.", e);
                }
            }
        }
    }

    /** @return whether there was one */
    private boolean checkNext() throws InterruptedException {
        long now = System.currentTimeMillis();
        Optional<Unchecked> next = store.claim(now, now + CLAIM.toMillis());
        if (next.isEmpty()) {
            return false;
        }
        Unchecked unchecked = next.get();
        Runnable result = checked(unchecked);
        if (result != null) {
            result.run();
            queued.run();
        }
        return true;
    }

    /** @return what is to be stored; {@code null} when nobody wants to know any more */
    private @Nullable Runnable checked(Unchecked unchecked) throws InterruptedException {
        String job = unchecked.job();
        CountDownLatch done = new CountDownLatch(1);
        lock.lock();
        try {
            current = job;
            stopped = closed;
        } finally {
            lock.unlock();
        }
        Thread signs = Thread.ofVirtual().name("d3s-files-claim").start(() -> keepClaim(job, done));
        Runnable result;
        try {
            JobSpecReader.Planned planned = readers.apply(unchecked.organization()).plan(unchecked.request());
            result = () -> store.succeeded(job, planned.spec(), JobDemand.of(planned),
                    "The files are checked. " + queued(planned));
        } catch (InvalidRequestException e) {
            result = failure(job, error(e));
        } catch (D3sException e) {
            result = failure(job, new JobError(e.code(), e.text(), null));
        } catch (OutOfMemoryError | StackOverflowError | RuntimeException e) {
            LOG.warnf(e, "The files of job %s could not be checked.", job);
            result = failure(job, new JobError("internal_error", "The server failed while it read the files ("
                    + e.getClass().getSimpleName() + "); its log has the details under job " + job + ".", null));
        } finally {
            done.countDown();
        }
        boolean wanted;
        lock.lock();
        try {
            current = null;
            wanted = !stopped;
            Thread.interrupted(); // a stop was for what has ended now
        } finally {
            lock.unlock();
        }
        signs.join();
        if (!wanted && closed) {
            store.release(job);
        }
        return wanted ? result : null;
    }

    private Runnable failure(String job, JobError error) {
        return () -> store.failed(job, error);
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

    /** Shows that the job is being checked, and notices when it was paused or cancelled elsewhere. */
    private void keepClaim(String job, CountDownLatch done) {
        try {
            while (!done.await(BETWEEN_SIGNS.toMillis(), TimeUnit.MILLISECONDS)) {
                if (!store.extend(job, System.currentTimeMillis() + CLAIM.toMillis())) {
                    stop(job);
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.warnf(e, "The claim on the files of job %s could not be extended.", job);
        }
    }
}

package dev.d3s.server.job;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.evaluation.ModelEvaluation;

/**
 * Runs queued evaluations one after the other, oldest first, on one platform thread, beside jobs. Closed by
 * {@link EvalService}.
 */
final class EvalQueue implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(EvalQueue.class);
    private static final int SECONDS_BETWEEN_LOOKS = 10;
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(30);

    private final EvalStore store;
    private final ModelCatalog models;
    private final FileService files;
    private final ModelEvaluation evaluation;
    private final Semaphore work = new Semaphore(0);
    private final ReentrantLock lock = new ReentrantLock();
    private final Thread thread = Thread.ofPlatform().name("d3s-evals").daemon().unstarted(this::runEvals);
    private volatile boolean closed;
    private volatile @Nullable EvalRun running;

    EvalQueue(EvalStore store, ModelCatalog models, FileService files, ModelEvaluation evaluation) {
        this.store = store;
        this.models = models;
        this.files = files;
        this.evaluation = evaluation;
    }

    void start() {
        thread.start();
        wake();
    }

    /** There may be a queued evaluation. */
    void wake() {
        work.release();
    }

    /** Ends the run of an evaluation, if it has one. */
    void stop(String eval) {
        lock.lock();
        try {
            EvalRun run = running;
            if (run != null && run.eval().id().equals(eval)) {
                run.stop();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Lets the running evaluation wait for the next start of the server. */
    @Override
    public void close() {
        closed = true;
        EvalRun run = running;
        if (run != null) {
            run.stop();
        }
        wake();
        try {
            if (thread.isAlive() && !thread.join(TIME_TO_STOP)) {
                LOG.warnf("The running evaluation did not stop within %s; the next start goes on with it.",
                        TIME_TO_STOP);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void runEvals() {
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
                LOG.error("The queue of evaluations failed at its next one; it tries again.", e);
            }
        }
    }

    /** @return whether there was one */
    private boolean runNext() {
        Optional<Eval> next = store.nextQueued();
        if (next.isEmpty()) {
            return false;
        }
        EvalRun run = claim(next.get());
        if (run == null) {
            return true;
        }
        try {
            if (closed) {
                run.stop();
            }
            run.run(evaluation, models, files);
        } finally {
            running = null;
        }
        return true;
    }

    /** Under the lock, so that whoever ends the evaluation also finds its run. */
    private @Nullable EvalRun claim(Eval queued) {
        lock.lock();
        try {
            running = store.claim(queued).map(eval -> new EvalRun(eval, store)).orElse(null);
            return running;
        } finally {
            lock.unlock();
        }
    }
}

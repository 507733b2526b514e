package dev.d3s.server.eval;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.evaluation.ModelEvaluation;
import dev.d3s.server.file.FileService;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.DatabaseClock;
import dev.d3s.server.store.Permits;
import dev.d3s.server.store.Watch;

/**
 * Runs queued evaluations one after the other, oldest first, on one platform thread, beside jobs, each while it holds a permit;
 * takes over those of servers that are gone. Closed by {@link EvalService}.
 */
@Singleton
final class EvalQueue implements AutoCloseable, Permits.Work {
    private static final Logger LOG = Logger.getLogger(EvalQueue.class);
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(25);
    private static final Duration BETWEEN_OFFERS = Duration.ofSeconds(10);

    private final Database database;
    private final EvalStore store;
    private final ModelCatalog models;
    private final FileService files;
    private final ModelEvaluation evaluation;
    private final ClusterSettings cluster;
    private final DatabaseClock clock;
    private final Permits permits;
    private final Watch watch = new Watch("d3s-watch-evals", BETWEEN_OFFERS, this::look);
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private volatile boolean closed;
    private @Nullable EvalRun running;

    @Inject
    EvalQueue(Database database, EvalStore store, ModelCatalog models, FileService files, ModelEvaluation evaluation,
            ClusterSettings cluster) {
        this.database = database;
        this.store = store;
        this.models = models;
        this.files = files;
        this.evaluation = evaluation;
        this.cluster = cluster;
        this.clock = new DatabaseClock(database);
        this.permits = new Permits(database, "eval_permit", cluster, clock, "d3s-evals", 1, this);
    }

    /** Queues again what a former process of this name left running, then begins to run evaluations. */
    void start() {
        clock.refresh();
        permits.forget();
        store.recover(database.shared() ? cluster.name() : null);
        permits.start();
        watch.start();
    }

    /** There may be a queued evaluation. */
    void wake() {
        permits.offer();
    }

    /** Ends the run of an evaluation, if it has one here. */
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

    /** Lets the running evaluation wait for another server, or the next start of this one. */
    @Override
    public void close() {
        closed = true;
        watch.close();
        long nanos = TIME_TO_STOP.toNanos();
        lock.lock();
        try {
            EvalRun run = running;
            if (run != null) {
                run.stop();
            }
            while (running != null && nanos > 0) {
                nanos = changed.awaitNanos(nanos);
            }
            if (running != null) {
                LOG.warnf("The running evaluation did not stop within %s; the next start goes on with it.",
                        TIME_TO_STOP);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
        permits.close();
    }

    @Override
    public boolean waiting() {
        return store.anyQueued();
    }

    @Override
    public Permits.Taken take(String permit) {
        if (closed) {
            return Permits.Taken.LATER;
        }
        EvalRun run = claim(permit);
        if (run == null) {
            return store.anyQueued() ? Permits.Taken.LATER : Permits.Taken.NOTHING;
        }
        try {
            if (closed) {
                run.stop();
            }
            permits.offer(); // to whoever else has a thread
            run.run(evaluation, models, files);
        } finally {
            lock.lock();
            try {
                running = null;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
        return Permits.Taken.RAN;
    }

    /** Under the lock, so that whoever ends the evaluation also finds its run. */
    private @Nullable EvalRun claim(String permit) {
        lock.lock();
        try {
            Optional<Eval> next = store.claim(cluster.name(), permit);
            running = next.map(eval -> new EvalRun(eval, store)).orElse(null);
            return running;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void orphaned(String permit) {
        store.recoverHeld(permit);
    }

    /** Its next write tells the run that it is over. */
    @Override
    public void lost(String permit) {
        LOG.warnf("This server was taken for gone: its evaluation goes on elsewhere.");
    }

    private void look() {
        permits.offer();
        clock.refresh();
    }
}

package dev.d3s.server.job;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.event.EventSignal;
import dev.d3s.server.file.FileService;
import dev.d3s.server.job.JobStore.Owner;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.store.DatabaseClock;
import dev.d3s.server.store.Permits;
import dev.d3s.server.store.Watch;
import dev.d3s.server.training.Training;

/**
 * Runs queued jobs on threads of its own, each while it holds a permit, and takes over those of servers that are gone. Closed by
 * {@link JobService}.
 */
final class JobQueue implements AutoCloseable, Permits.Work {
    private static final Logger LOG = Logger.getLogger(JobQueue.class);
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(25);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    private static final int LOOKS_BETWEEN_LIMITS = 5;
    private static final int LOOKS_BETWEEN_OFFERS = 10;
    private static final int LOOKS_BETWEEN_CLOCKS = 60;

    private final Stores stores;
    private final ModelCatalog models;
    private final JobModels made;
    private final FileService files;
    private final EventSignal signal;
    private final Training training;
    private final ClusterSettings cluster;
    private final QueueSettings settings;
    private final Supplier<Turns.Room> room;
    private final DatabaseClock clock;
    private final Permits permits;
    private final Watch watch = new Watch("d3s-watch-jobs", BETWEEN_LOOKS, this::look);
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    /** By job; guarded by the lock. */
    private final Map<String, JobRun> running = new HashMap<>();
    /** Jobs that this server should run, and did not at the last look; on the watch's thread. */
    private final Set<String> abandoned = new HashSet<>();
    private int looks;
    private volatile boolean closed;

    JobQueue(Stores stores, ModelCatalog models, JobModels made, FileService files, EventSignal signal,
            Training training, ClusterSettings cluster, QueueSettings settings, Supplier<Turns.Room> room) {
        this.stores = stores;
        this.models = models;
        this.made = made;
        this.files = files;
        this.signal = signal;
        this.training = training;
        this.cluster = cluster;
        this.settings = settings;
        this.room = room;
        this.clock = new DatabaseClock(stores.database);
        this.permits = new Permits(stores.database, "job_permit", cluster, clock, "d3s-jobs",
                settings.concurrent(), this);
    }

    /** Queues again what a former process of this name left running, then begins to run jobs. */
    void start() {
        clock.refresh();
        permits.forget();
        for (Owner owner : stores.jobs.running(stores.database.shared() ? cluster.name() : null)) {
            stores.jobs.recover(owner, "The job was interrupted by a restart of the server");
        }
        permits.start();
        watch.start();
    }

    /** There may be a queued job. */
    void wake() {
        permits.offer();
    }

    /** Ends the run of a job where it is this server's; others read the wish that is stored. */
    void stop(String job, JobRun.Stop reason) {
        lock.lock();
        try {
            JobRun run = running.get(job);
            if (run != null) {
                run.stop(reason);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Lets running jobs write a checkpoint and queues them again. */
    @Override
    public void close() {
        closed = true;
        watch.close();
        long nanos = TIME_TO_STOP.toNanos();
        lock.lock();
        try {
            running.values().forEach(run -> run.stop(JobRun.Stop.SHUTDOWN));
            while (!running.isEmpty() && nanos > 0) {
                nanos = changed.awaitNanos(nanos);
            }
            if (!running.isEmpty()) {
                LOG.warnf("%s did not stop within %s: queued again at the next start, or by another server.",
                        running.keySet(), TIME_TO_STOP);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
        permits.close();
    }

    // ---------------------------------------------------------------- what permits are for

    @Override
    public boolean waiting() {
        return stores.jobs.anyQueued();
    }

    @Override
    public Permits.Taken take(String permit) {
        if (closed) {
            return Permits.Taken.LATER;
        }
        JobRun run = claim(permit);
        if (run == null) {
            return stores.jobs.anyQueued() ? Permits.Taken.LATER : Permits.Taken.NOTHING;
        }
        try {
            signal.raise();
            if (closed) {
                run.stop(JobRun.Stop.SHUTDOWN);
            }
            permits.offer(); // to whoever else has a thread
            run.run(training);
        } finally {
            lock.lock();
            try {
                running.remove(run.job().id());
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
        return Permits.Taken.RAN;
    }

    /** Under the lock, so that whoever sees the job running here also finds its run. */
    private @Nullable JobRun claim(String permit) {
        lock.lock();
        try {
            Optional<Job> job = stores.jobs.claim(cluster.name(), permit, room.get());
            if (job.isEmpty()) {
                return null;
            }
            JobRun run = new JobRun(job.get(), stores, models, made, files, signal);
            running.put(job.get().id(), run);
            return run;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void orphaned(String permit) {
        for (Owner owner : stores.jobs.holding(permit)) {
            stores.jobs.recover(owner, "The server " + owner.server() + " that ran the job gives no sign of life");
            signal.raise();
        }
    }

    @Override
    public void lost(String permit) {
        lock.lock();
        try {
            running.values().stream().filter(run -> permit.equals(run.job().permit())).forEach(JobRun::abandon);
        } finally {
            lock.unlock();
        }
    }

    // ---------------------------------------------------------------- what others want, and what has become of runs

    private void look() {
        Map<String, Owner> nobodys = new HashMap<>();
        lock.lock();
        try {
            // asked under the lock, under which runs begin
            stores.jobs.running(cluster.name()).forEach(owner -> nobodys.put(owner.job(), owner));
            running.forEach((job, run) -> {
                Owner owner = nobodys.remove(job);
                if (owner == null || owner.epoch() != run.job().epoch()) {
                    run.abandon(); // or it has just ended
                } else if (owner.wish() != null) {
                    run.stop(owner.wish());
                }
            });
        } finally {
            lock.unlock();
        }
        // how their runs ended could not be stored, and the database has come back since
        nobodys.values().stream().filter(owner -> abandoned.contains(owner.job())).forEach(owner -> {
            stores.jobs.recover(owner, "How the job's run ended could not be stored");
            signal.raise();
        });
        abandoned.clear();
        abandoned.addAll(nobodys.keySet());
        looks++;
        if (looks % LOOKS_BETWEEN_LIMITS == 0) {
            stopAtLimits();
        }
        if (looks % LOOKS_BETWEEN_OFFERS == 0) {
            permits.offer();
        }
        if (looks % LOOKS_BETWEEN_CLOCKS == 0) {
            clock.refresh();
        }
    }

    /** A job whose organization has had its tokens of the day waits, like one that has not begun. */
    private void stopAtLimits() {
        Map<String, Boolean> reached = new HashMap<>();
        for (JobRun run : runs()) {
            String organization = run.job().organization();
            if (reached.computeIfAbsent(organization, this::tokensReached)) {
                run.stop(JobRun.Stop.LIMIT);
            }
        }
    }

    private boolean tokensReached(String organization) {
        long limit = settings.tokens().of(organization);
        return limit != Long.MAX_VALUE && stores.usage.tokensToday(organization) >= limit;
    }

    private List<JobRun> runs() {
        lock.lock();
        try {
            return List.copyOf(running.values());
        } finally {
            lock.unlock();
        }
    }
}

package dev.d3s.server.store;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;

/**
 * What this server runs of one kind of work: each run on a thread of its own, taken while there is a permit for it, and made
 * known to whoever wants to stop it before it begins. Takes over what servers that are gone have left, and ends what was taken
 * from this one. Thread-safe; closed by whoever made it, which ends the runs.
 *
 * @param <R> a run; its text is what the log calls it
 */
public final class Runs<R> implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Runs.class);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    private static final int LOOKS_BETWEEN_OFFERS = 10;

    private final Kind<R> kind;
    private final String name;
    private final Duration timeToStop;
    private final DatabaseClock clock;
    private final Permits permits;
    private final Watch watch;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    /** By permit; guarded by the lock. */
    private final Map<String, R> running = new HashMap<>();
    /** Whether how a run ended may not be stored. */
    private volatile boolean unsettled = true;
    /** Permits of this server whose runs had ended at the last look; on the watch's thread. */
    private final Set<String> abandoned = new HashSet<>();
    private int looks;
    private volatile boolean closed;

    /** A kind of work, which is stored in the database that servers share. */
    public interface Kind<R> {
        /** Whether there may be something to take. */
        boolean waiting();

        /** Takes what is next, so that nobody else does; {@code null} when there is nothing for this server now. */
        @Nullable
        R claim(String permit);

        /** Runs to the end, on the thread that calls, and throws nothing. */
        void run(R run);

        /** This server ends: lets the run end soon, to be gone on with. */
        void stop(R run);

        /** The permits under which this server runs something, as it is stored; those of the process before it included. */
        Collection<String> held();

        /** What ran here is no longer this server's: others took it for gone, or somebody has ended it elsewhere. */
        void lost(R run);

        /** The server that held a permit is gone: what it ran is nobody's. May be told twice, by two servers. */
        void orphaned(String permit);

        /** How this server's run under a permit ended could not be stored: what it ran is nobody's. */
        default void unrecorded(String permit) {
            orphaned(permit);
        }
    }

    /**
     * @param table of permits
     * @param name of the threads
     * @param threads runs at once
     * @param timeToStop how long the end of a server waits for them; all kinds together have half a minute
     */
    public Runs(Database database, String table, ClusterSettings cluster, String name, int threads,
            Duration timeToStop, Kind<R> kind) {
        this.kind = kind;
        this.name = name;
        this.timeToStop = timeToStop;
        this.clock = new DatabaseClock(database);
        this.permits = new Permits(database, table, cluster, clock, name, threads, new Work());
        this.watch = new Watch(name + "-watch", BETWEEN_LOOKS, this::look);
    }

    /**
     * Begins to take what waits.
     *
     * @param recover lets what a former process of this server's name left running wait again
     */
    public void start(Runnable recover) {
        clock.refresh();
        permits.forget();
        recover.run();
        permits.start();
        watch.start();
    }

    /** Something may wait. */
    public void wake() {
        permits.offer();
    }

    /** Does something with all runs; none begins or is forgotten meanwhile. */
    public void among(Consumer<Collection<R>> action) {
        lock.lock();
        try {
            action.accept(running.values());
        } finally {
            lock.unlock();
        }
    }

    /** Stops the runs and waits for their ends. */
    @Override
    public void close() {
        closed = true;
        watch.close();
        long nanos = timeToStop.toNanos();
        lock.lock();
        try {
            running.values().forEach(kind::stop);
            while (!running.isEmpty() && nanos > 0) {
                nanos = changed.awaitNanos(nanos);
            }
            if (!running.isEmpty()) {
                LOG.warnf("%s did not stop within %s (%s): the next start, or another server, goes on.",
                        running.values(), timeToStop, name);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
        permits.close();
    }

    private void look() {
        if (looks++ % LOOKS_BETWEEN_OFFERS == 0) {
            clock.refresh();
            permits.offer();
        }
        Set<String> nobodys = new HashSet<>();
        lock.lock();
        try {
            if (running.isEmpty() && !unsettled) {
                return;
            }
            // asked under the lock, under which runs begin
            nobodys.addAll(kind.held());
            running.forEach((permit, run) -> {
                if (!nobodys.remove(permit)) {
                    kind.lost(run); // or it has just ended
                }
            });
            unsettled = !nobodys.isEmpty();
        } finally {
            lock.unlock();
        }
        // the database was away when they ended, and has come back since
        nobodys.stream().filter(abandoned::contains).forEach(kind::unrecorded);
        abandoned.clear();
        abandoned.addAll(nobodys);
    }

    private final class Work implements Permits.Work {
        @Override
        public boolean waiting() {
            return kind.waiting();
        }

        @Override
        public Permits.Taken take(String permit) {
            if (closed) {
                return Permits.Taken.LATER;
            }
            R run = claim(permit);
            if (run == null) {
                return kind.waiting() ? Permits.Taken.LATER : Permits.Taken.NOTHING;
            }
            try {
                if (closed) {
                    kind.stop(run);
                }
                permits.offer(); // to whoever else has a thread
                kind.run(run);
            } finally {
                lock.lock();
                try {
                    running.remove(permit);
                    unsettled = true;
                    changed.signalAll();
                } finally {
                    lock.unlock();
                }
            }
            return Permits.Taken.RAN;
        }

        /** Under the lock, so that whoever sees that something runs here also finds its run. */
        private @Nullable R claim(String permit) {
            lock.lock();
            try {
                R run = kind.claim(permit);
                if (run != null) {
                    running.put(permit, run);
                }
                return run;
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void orphaned(String permit) {
            kind.orphaned(permit);
        }

        @Override
        public void lost(String permit) {
            lock.lock();
            try {
                R run = running.get(permit);
                if (run != null) {
                    LOG.warnf("This server was taken for gone: %s goes on elsewhere.", run);
                    kind.lost(run);
                }
            } finally {
                lock.unlock();
            }
        }
    }
}

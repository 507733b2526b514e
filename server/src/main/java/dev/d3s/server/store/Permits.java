package dev.d3s.server.store;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import com.github.kagkarlsson.scheduler.CurrentlyExecuting;
import com.github.kagkarlsson.scheduler.ScheduledExecution;
import com.github.kagkarlsson.scheduler.ScheduledExecutionsFilter;
import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerClient;
import com.github.kagkarlsson.scheduler.SchedulerName;
import com.github.kagkarlsson.scheduler.event.AbstractSchedulerListener;
import com.github.kagkarlsson.scheduler.exceptions.TaskInstanceCurrentlyExecutingException;
import com.github.kagkarlsson.scheduler.exceptions.TaskInstanceNotFoundException;
import com.github.kagkarlsson.scheduler.jdbc.PostgreSqlJdbcCustomization;
import com.github.kagkarlsson.scheduler.logging.LogLevel;
import com.github.kagkarlsson.scheduler.serializer.Serializer;
import com.github.kagkarlsson.scheduler.task.CompletionHandler;
import com.github.kagkarlsson.scheduler.task.ExecutionComplete;
import com.github.kagkarlsson.scheduler.task.ExecutionContext;
import com.github.kagkarlsson.scheduler.task.ExecutionOperations;
import com.github.kagkarlsson.scheduler.task.TaskDescriptor;
import com.github.kagkarlsson.scheduler.task.TaskInstanceId;
import com.github.kagkarlsson.scheduler.task.helper.CustomTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;

import dev.d3s.server.config.ClusterSettings;

/**
 * Lets the threads of all servers that share a database take turns. A permit is an execution of db-scheduler without content:
 * whoever picks it asks its work for whatever is next, and holds the permit, heartbeat by heartbeat, for as long as that runs.
 * While something waits, one permit waits for a thread that is free; what is next is decided when it is picked and not before.
 * The permit of a server that gives no sign of life goes to {@link Work#orphaned}. Thread-safe.
 */
public final class Permits implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Permits.class);
    private static final TaskDescriptor<Void> TASK = TaskDescriptor.of("run");
    private static final ScheduledExecutionsFilter WAITING = ScheduledExecutionsFilter.all().withPicked(false);
    /** db-scheduler's least: one missed heartbeat is a hiccup. */
    private static final int MISSED_HEARTBEATS = 4;
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    private static final int LEAST_PAUSE = 500;
    private static final int MOST_PAUSE = 1_500;

    private final Database database;
    private final String table;
    private final ClusterSettings settings;
    private final int threads;
    private final Work work;
    private final DatabaseClock clock;
    private final String name;
    private volatile @Nullable Scheduler scheduler;
    private final AtomicInteger busy = new AtomicInteger();

    /** What permits are for. */
    public interface Work {
        /** Takes what is next and runs it to its end, on the thread that calls. */
        Taken take(String permit);

        /** Whether there may be something to take. */
        boolean waiting();

        /** The server that held a permit is gone: what it ran is nobody's. May be told twice, by two servers. */
        void orphaned(String permit);

        /** Others took this server for gone: what it runs under a permit is no longer its own. */
        void lost(String permit);
    }

    /** What became of a permit. */
    public enum Taken {
        /** Something ran to its end. */
        RAN,
        /** There was nothing to take. */
        NOTHING,
        /** There is something, but not for this server now. */
        LATER
    }

    /** There is no content to be stored. */
    private enum NoContent implements Serializer {
        INSTANCE;

        @Override
        public byte @Nullable [] serialize(@Nullable Object content) {
            return null;
        }

        @Override
        public <T> @Nullable T deserialize(Class<T> type, byte @Nullable [] content) {
            return null;
        }
    }

    /**
     * @param table of db-scheduler
     * @param name of the threads that run the work
     * @param threads how many
     */
    public Permits(Database database, String table, ClusterSettings settings, DatabaseClock clock, String name,
            int threads, Work work) {
        this.database = database;
        this.table = table;
        this.settings = settings;
        this.threads = threads;
        this.work = work;
        this.clock = clock;
        this.name = name;
    }

    /** Begins to look for permits. Before, and after the end, nothing is offered. */
    public void start() {
        Scheduler started = scheduler();
        scheduler = started;
        started.start();
        offer();
    }

    private Scheduler scheduler() {
        CustomTask<Void> task = Tasks.custom(TASK.getTaskName(), Void.class)
            .onDeadExecution(this::dead)
            .onFailure(
                    (complete, permits) -> permits.reschedule(complete, complete.getTimeDone().plusMillis(MOST_PAUSE)))
            .execute((instance, context) -> hold(instance.getId(), context));
        return Scheduler.create(database.source(), List.of(task))
            .tableName(table)
            .jdbcCustomization(database.shared() ? new PostgreSqlJdbcCustomization(false, false) : new SqlitePermits())
            .schedulerName(new SchedulerName.Fixed(settings.name()))
            .serializer(NoContent.INSTANCE)
            .clock(clock::now)
            .threads(threads)
            .executorService(Executors.newFixedThreadPool(threads,
                    Thread.ofPlatform().name(name + "-", 1).daemon().factory()))
            .dueExecutor(Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().name(name + "-permits").daemon().factory()))
            .housekeeperExecutor(Executors.newScheduledThreadPool(3,
                    Thread.ofPlatform().name(name + "-heartbeats-", 1).daemon().factory()))
            .pollingInterval(BETWEEN_LOOKS)
            .heartbeatInterval(settings.heartbeat())
            .missedHeartbeatsLimit(MISSED_HEARTBEATS)
            .shutdownMaxWait(Duration.ofSeconds(1)) // its runs have ended by then
            .enableImmediateExecution()
            .failureLogging(LogLevel.ERROR, true)
            .addSchedulerListener(new AbstractSchedulerListener() {
                @Override
                public void onExecutionFailedHeartbeat(CurrentlyExecuting execution) {
                    lost(execution);
                }
            })
            .build();
    }

    /** Forgets the permits of the process that had this server's name before, and on a database of one's own, all. */
    public void forget() {
        database.change(connection -> {
            if (database.shared()) {
                Database.execute(connection, "delete from " + table + " where picked_by = ?", settings.name());
            } else {
                // (without a condition SQLite writes an empty table anew)
                Database.execute(connection, "delete from " + table + " where 1 = 1");
            }
        });
    }

    /**
     * Something may wait: lets a permit wait for a free thread of any server. What goes wrong is only said: whoever asks goes on
     * asking.
     */
    public void offer() {
        Scheduler started = scheduler;
        if (started != null) {
            try {
                offer(started);
            } catch (RuntimeException e) { // its exceptions have no common class
                LOG.warnf(e, "No permit could be offered in %s.", table);
            }
        }
    }

    private void offer(Scheduler started) {
        if (!work.waiting()) {
            return;
        }
        List<ScheduledExecution<Void>> waiting = waiting(started);
        if (waiting.isEmpty()) {
            started.scheduleIfNotExists(TASK.instance(UUID.randomUUID().toString()).scheduledTo(Instant.EPOCH));
        } else if (waiting.stream().allMatch(permit -> permit.getExecutionTime().isAfter(clock.now()))) {
            reschedule(started, waiting.getFirst().getTaskInstance());
        }
    }

    private static void reschedule(Scheduler started, TaskInstanceId permit) {
        try {
            started.reschedule(permit, Instant.EPOCH);
        } catch (TaskInstanceNotFoundException | TaskInstanceCurrentlyExecutingException e) {
            LOG.debugf("Another server was faster with the permit %s.", permit);
        }
    }

    private static List<ScheduledExecution<Void>> waiting(SchedulerClient client) {
        List<ScheduledExecution<Void>> waiting = new ArrayList<>();
        client.fetchScheduledExecutionsForTask(TASK.getTaskName(), Void.class, WAITING, waiting::add);
        return waiting;
    }

    /** On a thread of ours: what the permit is for. */
    private CompletionHandler<Void> hold(String permit, ExecutionContext context) {
        Scheduler started = scheduler;
        // servers that have a free thread look for permits
        if (busy.incrementAndGet() == threads && started != null) {
            started.pause();
        }
        Taken taken;
        try {
            taken = work.take(permit);
        } finally {
            busy.decrementAndGet();
            if (started != null) {
                started.resume();
            }
        }
        SchedulerClient client = context.getSchedulerClient();
        return switch (taken) {
            case RAN, NOTHING -> (complete, permits) -> {
                remove(permits);
                offer();
                if (started != null) {
                    started.triggerCheckForDueExecutions();
                }
            };
            case LATER -> (complete, permits) -> later(client, complete, permits);
        };
    }

    /** The permit waits, unless another one does already. */
    private static void later(SchedulerClient client, ExecutionComplete complete, ExecutionOperations<Void> permits) {
        if (waiting(client).isEmpty()) {
            // servers that cannot take what is next must not always be the first to ask
            permits.reschedule(complete, complete.getTimeDone()
                .plusMillis(ThreadLocalRandom.current().nextInt(LEAST_PAUSE, MOST_PAUSE)));
        } else {
            remove(permits);
        }
    }

    private static void remove(ExecutionOperations<Void> permits) {
        try {
            permits.remove();
        } catch (RuntimeException e) { // its exceptions have no common class
            LOG.debug("The permit is gone already: another server took this one for dead, or this one was too slow.",
                    e);
        }
    }

    private void dead(ExecutionComplete complete, ExecutionOperations<Void> permits) {
        LOG.warnf("Server %s gives no sign of life: what it ran goes to others.", complete.getExecution().pickedBy);
        work.orphaned(complete.getExecution().taskInstance.getId());
        remove(permits);
        offer();
    }

    private void lost(CurrentlyExecuting execution) {
        Scheduler started = scheduler;
        // a permit that is given back at the same moment cannot be kept alive either
        if (started != null && started.getScheduledExecution(execution.getTaskInstance()).isEmpty()) {
            work.lost(execution.getTaskInstance().getId());
        }
    }

    /** Ends looking for permits and heartbeats. Whatever ran has ended, or is left to whoever finds it. */
    @Override
    public void close() {
        Scheduler started = scheduler;
        if (started != null) {
            started.stop();
            scheduler = null;
        }
    }
}

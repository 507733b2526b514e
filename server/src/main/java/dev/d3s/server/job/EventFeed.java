package dev.d3s.server.job;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

/** Reads event logs: a page of one, or all of it and on, as it grows. Thread-safe; closing it ends what is followed. */
final class EventFeed implements AutoCloseable {
    private static final int AT_ONCE = 200;

    private final EventStore events;
    private final EventSignal signal;
    private final Duration heartbeat;
    private final AtomicInteger followers = new AtomicInteger();
    private volatile boolean closed;

    EventFeed(EventStore events, EventSignal signal, Duration heartbeat) {
        this.events = events;
        this.signal = signal;
        this.heartbeat = heartbeat;
    }

    /**
     * Newest first.
     *
     * @param after an event's id: those older than it
     */
    Page<JobEvent> page(String id, @Nullable String after, int limit) {
        long before = after == null ? Long.MAX_VALUE : JobEvent.sequenceOf(after);
        return Page.of(events.newestBefore(id, before, limit + 1), limit);
    }

    /**
     * Hands over events, oldest first, and goes on until there will be no more. Blocks; meant for a virtual thread. A follower that
     * takes its time misses nothing and holds nobody up.
     *
     * @param lastEventId where an earlier stream ended; {@code null} for all events
     * @param ended whether the last event is stored
     */
    void follow(String id, @Nullable String lastEventId, BooleanSupplier ended, JobService.Follower follower)
            throws InterruptedException {
        followers.incrementAndGet();
        try {
            followOn(id, lastEventId, ended, follower);
        } finally {
            followers.decrementAndGet();
        }
    }

    /** How many are following. */
    int followers() {
        return followers.get();
    }

    private void followOn(String id, @Nullable String lastEventId, BooleanSupplier ended,
            JobService.Follower follower) throws InterruptedException {
        long sequence = lastEventId == null ? 0 : JobEvent.sequenceOf(lastEventId);
        while (!closed) {
            long seen = signal.version();
            // asked first: once it says so, the last event is stored already
            boolean last = ended.getAsBoolean();
            List<JobEvent> more = events.oldestAfter(id, sequence, AT_ONCE);
            for (JobEvent event : more) {
                if (!follower.event(event)) {
                    return;
                }
                sequence = event.sequence();
            }
            if (more.size() == AT_ONCE) {
                continue;
            }
            if (last || (!signal.await(seen, heartbeat) && !follower.quiet())) {
                return;
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        signal.raise();
    }
}

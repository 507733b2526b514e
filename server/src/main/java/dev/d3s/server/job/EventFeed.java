package dev.d3s.server.job;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

/**
 * Reads event logs: a page of one, or all of it and on, as it grows. What other servers write to logs that are followed here is
 * noticed within a second, by one look for all followers. Thread-safe; closing it ends what is followed.
 */
final class EventFeed implements AutoCloseable {
    private static final int AT_ONCE = 200;
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);

    private final EventStore events;
    private final EventSignal signal;
    private final Duration heartbeat;
    private final AtomicInteger followers = new AtomicInteger();
    /** Whose logs are followed, by how many; and the newest event that was seen of each. */
    private final Map<String, Integer> followed = new ConcurrentHashMap<>();
    private final Map<String, Long> newest = new HashMap<>();
    private final Watch watch = new Watch("d3s-watch-events", BETWEEN_LOOKS, this::look);
    private volatile boolean closed;

    EventFeed(EventStore events, EventSignal signal, Duration heartbeat) {
        this.events = events;
        this.signal = signal;
        this.heartbeat = heartbeat;
    }

    /** Begins to look for what other servers write. */
    void start() {
        watch.start();
    }

    private void look() {
        List<String> ids = List.copyOf(followed.keySet());
        Map<String, Long> now = ids.isEmpty() ? Map.of() : events.newest(ids);
        boolean changed = !newest.equals(now);
        newest.clear();
        newest.putAll(now);
        if (changed) {
            signal.raise();
        }
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
        followed.merge(id, 1, Integer::sum);
        try {
            followOn(id, lastEventId, ended, follower);
        } finally {
            followed.computeIfPresent(id, (key, count) -> count == 1 ? null : count - 1);
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
        watch.close();
        signal.raise();
    }
}

package dev.d3s.server.event;

import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.request.Page;
import dev.d3s.server.store.Watch;

/**
 * Reads event logs: a page of one, or all of it and on, as it grows. What other servers write to logs that are followed here is
 * noticed within a second, by one look for all followers. Thread-safe; closing it ends what is followed.
 */
public final class EventFeed implements AutoCloseable {
    private static final int AT_ONCE = 200;
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    private static final int PLACES = 64;

    private final EventStore events;
    private final EventSignal signal;
    private final Duration heartbeat;
    private final AtomicInteger followers = new AtomicInteger();
    /** Whose logs are followed, by how many; and the newest event that was seen of each. */
    private final Map<String, Integer> followed = new ConcurrentHashMap<>();
    private final Map<String, Long> newest = new HashMap<>();
    private final Watch watch = new Watch("d3s-watch-events", BETWEEN_LOOKS, this::look);
    private volatile boolean closed;
    /** The places asked for last; guarded by itself. */
    private final Map<String, Place> places = new LinkedHashMap<>(PLACES, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Place> eldest) {
            return size() > PLACES;
        }
    };

    public EventFeed(EventStore events, EventSignal signal, Duration heartbeat) {
        this.events = events;
        this.signal = signal;
        this.heartbeat = heartbeat;
    }

    /** Begins to look for what other servers write, where there can be others. */
    public void start() {
        if (events.shared()) {
            watch.start();
        }
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
    public Page<JobEvent> page(String id, @Nullable String after, int limit) {
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
    public void follow(String id, @Nullable String lastEventId, BooleanSupplier ended, Follower follower)
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
    public int followers() {
        return followers.get();
    }

    private void followOn(String id, @Nullable String lastEventId, BooleanSupplier ended,
            Follower follower) throws InterruptedException {
        long sequence = lastEventId == null ? 0 : JobEvent.sequenceOf(lastEventId);
        while (!closed) {
            long seen = signal.version();
            Found found = find(id, sequence, seen, ended);
            List<JobEvent> more = found.events();
            for (JobEvent event : more) {
                if (!follower.event(event)) {
                    return;
                }
                sequence = event.sequence();
            }
            if (more.size() == AT_ONCE) {
                continue;
            }
            if (found.last() || (!signal.await(seen, heartbeat) && !follower.quiet())) {
                return;
            }
        }
    }

    /**
     * What there is after a place in a log.
     *
     * @param last whether nothing will follow
     */
    private record Found(List<JobEvent> events, boolean last) {}

    /** A place in a log at which followers stand: one of them asks the database for all. Guarded by its lock. */
    private static final class Place {
        private final ReentrantLock lock = new ReentrantLock();
        private Found found = new Found(List.of(), false);
        private long version = -1;
        private long time;
    }

    /** @param seen the signal's version when the follower began to look: what was stored before is found */
    private Found find(String id, long sequence, long seen, BooleanSupplier ended) {
        Place place;
        synchronized (places) {
            place = places.computeIfAbsent(id + "@" + sequence, key -> new Place());
        }
        place.lock.lock();
        try {
            // what another server stores raises no signal here, so that nothing is believed for long
            if (place.version < seen || System.nanoTime() - place.time > heartbeat.toNanos() / 2) {
                long version = signal.version();
                long time = System.nanoTime();
                // asked first: once it says so, the last event is stored already
                boolean last = ended.getAsBoolean();
                place.found = new Found(events.oldestAfter(id, sequence, AT_ONCE), last);
                place.version = version;
                place.time = time;
            }
            return place.found;
        } finally {
            place.lock.unlock();
        }
    }

    @Override
    public void close() {
        closed = true;
        watch.close();
        signal.raise();
    }
}

package dev.d3s.server.store;

import java.util.concurrent.atomic.LongAdder;

/** How often something happened, and how long it took in all. Thread-safe. */
public final class Durations {
    private final LongAdder count = new LongAdder();
    private final LongAdder nanoseconds = new LongAdder();

    public void add(long nanos) {
        count.increment();
        nanoseconds.add(nanos);
    }

    public long count() {
        return count.sum();
    }

    public long nanoseconds() {
        return nanoseconds.sum();
    }
}

package dev.d3s.server.store;

import java.time.Duration;
import java.time.Instant;

/**
 * The time that servers which share a database agree on: the database's. Whether a server is alive must not depend on how well
 * clocks are set. Thread-safe.
 */
public final class DatabaseClock {
    private final Database database;
    private volatile Duration ahead = Duration.ZERO;

    public DatabaseClock(Database database) {
        this.database = database;
    }

    /** Asks the database how far its clock is ahead of this machine's. */
    public void refresh() {
        if (!database.shared()) {
            return;
        }
        Instant before = Instant.now();
        database.one("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)", row -> row.getLong(1))
            .ifPresent(theirs -> {
                Duration took = Duration.between(before, Instant.now());
                ahead = Duration.between(before.plus(took.dividedBy(2)), Instant.ofEpochMilli(theirs));
            });
    }

    Instant now() {
        return Instant.now().plus(ahead);
    }
}

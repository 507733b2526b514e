package dev.d3s.server.job;

import java.util.Locale;

/** How far a job is. */
public enum JobStatus {
    /** Waits for the jobs before it. */
    QUEUED,
    /** Trains. */
    RUNNING,
    /** Stopped with what it has; goes on when resumed. */
    PAUSED,
    /** Done; its model can be used. */
    SUCCEEDED,
    /** Ended by an error, which is stored. */
    FAILED,
    /** Ended on request. */
    CANCELLED;

    /** Whether a live event stream has nothing more to wait for. */
    public boolean ended() {
        return this == SUCCEEDED || this == FAILED || this == CANCELLED;
    }

    /** As stored and served. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    static JobStatus of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}

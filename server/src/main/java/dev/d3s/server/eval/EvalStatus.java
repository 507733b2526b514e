package dev.d3s.server.eval;

import java.util.Locale;

/** How far an evaluation is. */
public enum EvalStatus {
    /** Waits for its turn, or for a server to go on with it. */
    QUEUED,
    /** Generates and grades. */
    RUNNING,
    /** Done. */
    SUCCEEDED,
    /** Ended by an error, which is stored; the rows that were done are there. */
    FAILED,
    /** Ended on request; the rows that were done are there. */
    CANCELLED;

    public boolean ended() {
        return this == SUCCEEDED || this == FAILED || this == CANCELLED;
    }

    /** As stored and served. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static EvalStatus of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}

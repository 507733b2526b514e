package dev.d3s.server.rollout;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Too many completions wait already: the client should come back later. */
public final class BusyException extends D3sException {
    private static final long serialVersionUID = 1;
    private final int retryAfterSeconds;

    public BusyException(String message, int retryAfterSeconds) {
        super(ErrorCategory.RESOURCES, "server_busy", message);
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** When it may be worth trying again. */
    public int retryAfterSeconds() {
        return retryAfterSeconds;
    }
}

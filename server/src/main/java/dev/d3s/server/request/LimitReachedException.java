package dev.d3s.server.request;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** An organization has as much as it may have: its client should come back later, or make room. */
public final class LimitReachedException extends D3sException {
    private static final long serialVersionUID = 1L;
    private static final int RETRY_AFTER_SECONDS = 60;

    public LimitReachedException(String message) {
        super(ErrorCategory.USER, "limit_reached", message);
    }

    /** When it may be worth trying again. */
    public int retryAfterSeconds() {
        return RETRY_AFTER_SECONDS;
    }
}

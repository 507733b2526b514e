package dev.d3s.server.request;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** What was asked for does not fit the present state of things. */
public final class ConflictException extends D3sException {
    private static final long serialVersionUID = 1L;

    public ConflictException(String code, String message) {
        super(ErrorCategory.USER, code, message);
    }
}

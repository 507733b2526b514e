package dev.d3s.server.access;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** The caller is known, and may not do this. */
public final class ForbiddenException extends D3sException {
    private static final long serialVersionUID = 1L;

    public ForbiddenException(String message) {
        super(ErrorCategory.USER, "insufficient_permissions", message);
    }
}

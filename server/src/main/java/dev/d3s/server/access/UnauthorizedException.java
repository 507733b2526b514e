package dev.d3s.server.access;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Nobody knows who the caller is. */
public final class UnauthorizedException extends D3sException {
    private static final long serialVersionUID = 1L;

    public UnauthorizedException(String code, String message) {
        super(ErrorCategory.USER, code, message);
    }

    /** With the code of keys that are missing, unknown or over. */
    public static UnauthorizedException key(String message) {
        return new UnauthorizedException("invalid_api_key", message);
    }
}

package dev.d3s.server.api;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** A request that is larger than the server takes. */
final class RequestTooLargeException extends D3sException {
    private static final long serialVersionUID = 1;

    RequestTooLargeException(String message) {
        super(ErrorCategory.USER, "request_too_large", message);
    }
}

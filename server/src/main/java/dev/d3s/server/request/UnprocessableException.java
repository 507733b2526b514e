package dev.d3s.server.request;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** The request is well-formed, and contradicts an earlier one. */
public final class UnprocessableException extends D3sException {
    private static final long serialVersionUID = 1L;

    public UnprocessableException(String code, String message) {
        super(ErrorCategory.USER, code, message);
    }
}

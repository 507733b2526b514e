package dev.d3s.server.request;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** There is nothing with this id. */
public final class NotFoundException extends D3sException {
    private static final long serialVersionUID = 1L;

    /** @param kind what was looked for: job, file, model */
    public NotFoundException(String kind, String id) {
        super(ErrorCategory.USER, kind + "_not_found", "There is no " + kind + " '" + id + "'.");
    }

    private NotFoundException(ErrorCategory category, String code, String message) {
        super(category, code, message);
    }

    /** In other words. */
    public static NotFoundException saying(String code, String message) {
        return new NotFoundException(ErrorCategory.USER, code, message);
    }
}

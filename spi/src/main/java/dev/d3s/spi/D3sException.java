package dev.d3s.spi;

import org.jspecify.annotations.Nullable;

/** A failure with a category that says who can mend it and a stable code that clients can match. */
public class D3sException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ErrorCategory category;
    private final String code;

    /**
     * @param category who has to act
     * @param code stable, snake_case
     * @param message one sentence a person can act on
     */
    public D3sException(ErrorCategory category, String code, String message) {
        this(category, code, message, null);
    }

    public D3sException(ErrorCategory category, String code, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.category = category;
        this.code = code;
    }

    public ErrorCategory category() {
        return category;
    }

    public String code() {
        return code;
    }

    /** The message, which is never absent here. */
    public String text() {
        String message = getMessage();
        return message == null ? code : message;
    }
}

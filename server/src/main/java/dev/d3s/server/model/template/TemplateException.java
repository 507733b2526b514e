package dev.d3s.server.model.template;

/** Why a template could not be read or rendered, and in which line of it. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What went wrong. */
    public enum Reason {
        /** The template is not written in the language. */
        SYNTAX,
        /** The template itself refused its input with {@code raise_exception}. */
        REFUSED,
        /** The template did something that its input does not allow. */
        FAILED,
        /** The template took more time, memory or output than it may. */
        LIMIT
    }

    private final Reason reason;
    private final String text;
    private final int line;

    TemplateException(Reason reason, int line, String text) {
        super(line > 0 ? "line " + line + ": " + text : text);
        this.reason = reason;
        this.text = text;
        this.line = line;
    }

    static TemplateException failed(String text) {
        return new TemplateException(Reason.FAILED, 0, text);
    }

    static TemplateException limit(String text) {
        return new TemplateException(Reason.LIMIT, 0, text);
    }

    TemplateException at(int where) {
        return line > 0 || where <= 0 ? this : new TemplateException(reason, where, text);
    }

    public Reason reason() {
        return reason;
    }

    /** What is wrong, without the line. */
    public String text() {
        return text;
    }

    /** From 1; 0 when it is about no line. */
    public int line() {
        return line;
    }
}

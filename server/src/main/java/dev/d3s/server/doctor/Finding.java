package dev.d3s.server.doctor;

import org.jspecify.annotations.Nullable;

/**
 * One thing that was looked at.
 *
 * @param subject what, in a word or two
 * @param text what there is, or what is wrong with it
 * @param fix what to do about it; {@code null} where nothing has to be done
 */
record Finding(Status status, String subject, String text, @Nullable String fix) {
    /** How bad it is, the worst last. */
    enum Status {
        /** As it should be. */
        OK,
        /** A server works, and something may be meant otherwise. */
        WARN,
        /** A server does not start, or cannot do its work. */
        FAIL
    }

    static Finding ok(String subject, String text) {
        return new Finding(Status.OK, subject, text, null);
    }

    static Finding warn(String subject, String text, String fix) {
        return new Finding(Status.WARN, subject, text, fix);
    }

    static Finding fail(String subject, String text, String fix) {
        return new Finding(Status.FAIL, subject, text, fix);
    }
}

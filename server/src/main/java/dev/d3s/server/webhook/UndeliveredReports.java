package dev.d3s.server.webhook;

/** Takes down that a report was given up, where those who asked for the job look. Thread-safe. */
@FunctionalInterface
public interface UndeliveredReports {
    /**
     * @param subject id of the job or evaluation that the report was about
     * @param text a sentence that says why
     */
    void note(String subject, String text);
}

package dev.d3s.server.access;

import java.util.Locale;

/** What is written into the audit log. */
public enum AuditAction {
    FILE_CREATED, FILE_DELETED, JOB_CREATED, JOB_CANCELLED, JOB_PAUSED, JOB_RESUMED, EVAL_CREATED, EVAL_CANCELLED, EVAL_DELETED, MODEL_REGISTERED, MODEL_DELETED, API_KEY_CREATED, API_KEY_DELETED,
    /** Something that a known caller may not do. */
    ACCESS_DENIED;

    /** {@code job.created}, {@code api_key.created}: the object, then what became of it. */
    public String key() {
        String word = name().toLowerCase(Locale.ROOT);
        int end = word.lastIndexOf('_');
        return word.substring(0, end) + "." + word.substring(end + 1);
    }
}

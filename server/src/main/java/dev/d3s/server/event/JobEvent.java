package dev.d3s.server.event;

import java.util.Locale;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * One line of a job's log, or of a registered model's.
 *
 * @param job its id; of a model, the one that is used inside the server only
 * @param sequence from 1, without gaps
 * @param createdAt milliseconds since 1970
 * @param content what it carries
 * @param data for {@link Content#METRICS}: step, total_steps and the metrics by name; of a model, bytes and total_bytes
 */
public record JobEvent(String job, long sequence, long createdAt, Level level, Content content, String message,
        @Nullable JsonNode data) {
    /** What the ids of models that are used inside the server begin with. */
    private static final String MODEL = "model-";

    /** How bad it is. */
    public enum Level {
        INFO, WARN, ERROR;

        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What it carries. */
    public enum Content {
        MESSAGE, METRICS;

        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** {@code ftevent-<job>-<sequence>} or {@code modelevent-<model>-<sequence>}, fixed width so that ids sort. */
    public String id() {
        return (job.startsWith(MODEL) ? "modelevent-" : "ftevent-") + job.substring(job.indexOf('-') + 1)
                + "-" + String.format(Locale.ROOT, "%010d", sequence);
    }

    /** The sequence in an event's id; 0 when it is none, which is before the first. */
    public static long sequenceOf(String id) {
        try {
            return Math.max(0, Long.parseLong(id.substring(id.lastIndexOf('-') + 1)));
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}

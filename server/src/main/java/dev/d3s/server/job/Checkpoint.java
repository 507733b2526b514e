package dev.d3s.server.job;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A checkpoint that is on the disk.
 *
 * @param id {@code ftckpt-...}; ids rise with time
 * @param step completed steps
 * @param createdAt milliseconds since 1970
 * @param model its id as a model
 * @param metrics of its last step
 */
public record Checkpoint(String id, String job, int step, long createdAt, String model, Map<String, Double> metrics) {
    public Checkpoint {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }
}

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
 * @param directory the name of the one with its files, see {@link Checkpoints}
 * @param interim written because the run was told to stop: it goes when the next one is there
 */
public record Checkpoint(String id, String job, int step, long createdAt, String model, Map<String, Double> metrics,
        String directory, boolean interim) {
    public Checkpoint {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }
}

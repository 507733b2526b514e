package dev.d3s.server.cli;

import java.util.Optional;

import org.jspecify.annotations.Nullable;

/**
 * One reinforcement job of a comparison, after its end.
 *
 * @param place where in the order of its seed it ran, from 1; 0 when it did not
 * @param metrics as far as it came
 * @param failure why it did not succeed; {@code null} when it did
 */
record ComparedRun(Variant variant, long seed, int place, MetricTable metrics, @Nullable String failure) {
    /** What it came to; empty when it did not succeed. */
    Optional<RunFigures> figures() {
        return failure == null ? Optional.of(RunFigures.of(metrics)) : Optional.empty();
    }
}

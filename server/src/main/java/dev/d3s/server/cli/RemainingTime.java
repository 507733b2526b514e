package dev.d3s.server.cli;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Estimates what a comparison still takes: each variant takes what it took last, an unknown one what the others took on average. */
final class RemainingTime {
    private final Map<String, Double> seconds = new HashMap<>();

    /** @param name of a variant, or of what else takes time */
    void took(String name, double elapsed) {
        seconds.put(name, elapsed);
    }

    /** Seconds for all of these one after the other; empty while nothing is known. */
    OptionalDouble of(List<String> names) {
        double known = seconds.values().stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
        return seconds.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(names.stream().mapToDouble(name -> seconds.getOrDefault(name, known)).sum());
    }
}

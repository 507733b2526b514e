package dev.d3s.server.job;

import java.util.List;

/** The combinations. Thread-safe. */
@FunctionalInterface
public interface PresetCatalog {
    /** Every preset; one of them is {@code d3s}. */
    List<Preset> presets();
}

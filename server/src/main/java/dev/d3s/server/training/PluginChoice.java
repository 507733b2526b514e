package dev.d3s.server.training;

import java.util.Map;

/** A plugin by name, with its configuration: strings, numbers, booleans. */
public record PluginChoice(String name, Map<String, Object> config) {
    public PluginChoice {
        config = Map.copyOf(config);
    }

    public static PluginChoice of(String name) {
        return new PluginChoice(name, Map.of());
    }
}

package dev.d3s.server.plugin;

import java.util.List;
import java.util.Map;

import dev.d3s.spi.ConfigKey;

/**
 * What is known of a plugin without making one.
 *
 * @param kind what it is
 * @param name by which a job chooses it
 * @param version of the jar it came in; {@code unknown} where its manifest has no Implementation-Version
 * @param description one line
 * @param keys the configuration it declares
 * @param configSchema JSON Schema of its configuration: strings, numbers, booleans, lists and maps
 */
public record PluginDescription(PluginKind kind, String name, String version, String description,
        List<ConfigKey> keys, Map<String, Object> configSchema) {
    public PluginDescription {
        keys = List.copyOf(keys);
    }
}

package dev.d3s.server.job;

import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.spi.ConfigKey;

/**
 * A plugin as users see it.
 *
 * @param name unique within its kind
 * @param version of the jar it comes from
 * @param description one line
 * @param keys the configuration it declares
 * @param configSchema the same as JSON Schema
 */
public record PluginDescription(PluginKind kind, String name, String version, String description, List<ConfigKey> keys,
        JsonNode configSchema) {
    public PluginDescription {
        keys = List.copyOf(keys);
    }
}

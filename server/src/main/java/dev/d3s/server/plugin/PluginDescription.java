package dev.d3s.server.plugin;

import java.util.Map;

/**
 * What is known of a plugin without making one.
 *
 * @param kind what it is
 * @param name by which a job chooses it
 * @param version of the jar it came in, or the server's where that has none
 * @param description one line
 * @param configSchema JSON Schema of its configuration: strings, numbers, booleans, lists and maps
 */
public record PluginDescription(PluginKind kind, String name, String version, String description,
        Map<String, Object> configSchema) {}

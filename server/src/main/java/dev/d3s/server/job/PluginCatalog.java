package dev.d3s.server.job;

import java.util.List;
import java.util.Map;

/** The plugins of this server, as far as a job's JSON and {@code GET /v1/plugins} need to know them. Thread-safe. */
public interface PluginCatalog {
    /** Every plugin, by kind and then by name. */
    List<PluginDescription> plugins();

    /**
     * Checks a configuration as thoroughly as a job would at its start.
     *
     * @param name of a plugin in {@link #plugins()}
     * @param given strings, numbers and booleans by key
     * @return every declared key with its value, defaults included
     * @throws dev.d3s.spi.InvalidConfigException naming every mistake
     */
    Map<String, Object> configured(PluginKind kind, String name, Map<String, ?> given);
}

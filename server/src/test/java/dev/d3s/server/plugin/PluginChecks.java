package dev.d3s.server.plugin;

import java.util.List;
import java.util.Map;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.InvalidConfigException;

/** What a registry has to say against a choice. */
public final class PluginChecks {
    private PluginChecks() {}

    /** All mistakes; the key is empty where the name or the plugin itself is at fault. */
    public static List<ConfigProblem> problems(PluginRegistry registry, PluginKind kind, String name,
            Map<String, ?> config) {
        try {
            registry.configured(kind, name, config);
            return List.of();
        } catch (InvalidConfigException e) {
            return e.problems();
        } catch (D3sException e) {
            return List.of(new ConfigProblem("", e.text()));
        }
    }
}

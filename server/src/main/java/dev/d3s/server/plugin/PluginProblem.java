package dev.d3s.server.plugin;

/**
 * Why something that was offered at start is not there.
 *
 * @param code {@code duplicate_plugin}, {@code invalid_plugin}, {@code plugin_failed}, {@code plugin_timed_out},
 *            {@code plugin_not_loaded} or {@code plugins_not_supported}
 * @param message names the plugin, the jar it came from, and what to do
 */
public record PluginProblem(String code, String message) {}

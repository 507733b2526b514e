package dev.d3s.server.training;

import dev.d3s.server.selection.Preset;

/**
 * How much one level keeps, chosen how (arXiv 2509.22115, sections 3.1 to 3.3).
 *
 * @param selector a rollout or token selector
 * @param keepFrom keep ratio at the first step, in (0, 1]
 * @param keepTo keep ratio at the last step, in (0, 1]
 * @param schedule how it gets from one to the other
 */
public record SelectionSettings(PluginChoice selector, double keepFrom, double keepTo, PluginChoice schedule) {
    /** A level of a preset, with the plugins' default configurations. */
    public static SelectionSettings of(Preset.Level level) {
        return new SelectionSettings(PluginChoice.of(level.selector()), level.keepFrom(), level.keepTo(),
                PluginChoice.of(level.schedule()));
    }
}

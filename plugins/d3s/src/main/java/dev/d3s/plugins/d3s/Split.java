package dev.d3s.plugins.d3s;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;

/** How many of the kept rollouts come from the low and how many from the high end of the advantages. */
public enum Split {
    /** The split with the largest variance: the method itself. */
    VARIANCE,
    /** Half and half, whatever the variance; the odd one goes to a random side. */
    BALANCED;

    private static final String KEY = "split";

    static ConfigKey key() {
        return new ConfigKey.Choice(KEY, "variance", List.of("variance", "balanced"),
                "[ours] how many rollouts come from each end of the advantages: variance finds the split with the"
                        + " largest variance, balanced takes half from each end");
    }

    static Split of(PluginConfig config) {
        return switch (config.text(KEY)) {
            case "variance" -> VARIANCE;
            case "balanced" -> BALANCED;
            default -> throw new IllegalArgumentException("Not a declared choice: " + config.text(KEY));
        };
    }
}

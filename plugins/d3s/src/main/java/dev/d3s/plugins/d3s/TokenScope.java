package dev.d3s.plugins.d3s;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;

/** Tokens that compete with each other for the keep ratio. */
public enum TokenScope {
    /** Those of all kept rollouts. */
    BATCH,
    /** Those of one rollout. */
    ROLLOUT;

    private static final String KEY = "scope";

    /** The option {@code scope}. */
    public static ConfigKey key() {
        return new ConfigKey.Choice(KEY, "batch", List.of("batch", "rollout"),
                "[ours] which tokens compete with each other: batch is those of all kept rollouts, rollout is those of one"
                        + " rollout");
    }

    /** The value of the option. */
    public static TokenScope of(PluginConfig config) {
        return config.text(KEY).equals("rollout") ? ROLLOUT : BATCH;
    }
}

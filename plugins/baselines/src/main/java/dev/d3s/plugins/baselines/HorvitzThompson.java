package dev.d3s.plugins.baselines;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;

/**
 * Whether kept tokens weigh 1 / (probability of being kept), so that the expected sum over the kept tokens is the sum over
 * all of them (Horvitz and Thompson 1952).
 */
final class HorvitzThompson {
    private static final String KEY = "weighted";

    private HorvitzThompson() {}

    /** The option {@code weighted}. */
    static ConfigKey key() {
        return new ConfigKey.Flag(KEY, true,
                "[ours] whether a kept token weighs 1 / (probability of being kept), which makes the sum over tokens"
                        + " unbiased; false is biased, for comparison");
    }

    /** The value of the option. */
    static boolean of(PluginConfig config) {
        return config.flag(KEY);
    }
}

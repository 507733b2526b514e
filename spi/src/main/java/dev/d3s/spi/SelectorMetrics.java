package dev.d3s.spi;

import java.util.regex.Pattern;

/**
 * What a selector may report about a step: at most {@link #MAXIMUM} finite numbers by name. The server stores them among the
 * job's metrics as {@code rollout_selector_<name>} or {@code token_selector_<name>}, so a decision can be plotted.
 */
public final class SelectorMetrics {
    /** Most metrics of one answer. */
    public static final int MAXIMUM = 16;

    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]{0,39}");

    private SelectorMetrics() {}

    /** Whether the name is allowed: 1 to 40 lower-case letters, digits and underscores, beginning with a letter. */
    public static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }
}

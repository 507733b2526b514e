package dev.d3s.spi;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What a grader says about one completion.
 *
 * @param reward finite; higher is better
 * @param parts what the reward was made of, by name: at most {@value #MAXIMUM_PARTS} finite numbers, names as
 *            {@link #isPartName} allows. The server reports their means over a step as {@code reward_part_<name>}.
 */
public record Grade(double reward, Map<String, Double> parts) {
    /** Most parts of one grade. */
    public static final int MAXIMUM_PARTS = 16;

    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_]{0,39}");

    public Grade {
        parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
    }

    /** A reward without parts. */
    public static Grade of(double reward) {
        return new Grade(reward, Map.of());
    }

    /** Whether a part may have this name: 1 to 40 letters, digits and underscores, beginning with a letter. */
    public static boolean isPartName(String name) {
        return NAME.matcher(name).matches();
    }
}

package dev.d3s.server.api;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.request.InvalidRequestException;

/** What query parameters may be. */
final class QueryRules {
    private QueryRules() {}

    static int limit(@Nullable String given, int defaultValue, int maximum) {
        return whole("limit", given, defaultValue, 1, maximum);
    }

    static int whole(String name, @Nullable String given, int defaultValue, int minimum, int maximum) {
        if (given == null || given.isBlank()) {
            return defaultValue;
        }
        try {
            int value = Integer.parseInt(given.strip());
            if (value >= minimum && value <= maximum) {
                return value;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new InvalidRequestException(name, "invalid_value", "'" + name + "' is '" + given
                + "' but must be a whole number from " + minimum + " to " + maximum + ".");
    }

    /** False when absent. */
    static boolean flag(String name, @Nullable String given) {
        String value = given == null ? "" : given.strip();
        if (value.isEmpty() || value.equals("false")) {
            return false;
        }
        if (value.equals("true")) {
            return true;
        }
        throw new InvalidRequestException(name, "invalid_value",
                "'" + name + "' is '" + given + "' but must be true or false.");
    }

    /** One of the words; the first of them when absent. */
    static String choice(String name, @Nullable String given, String... words) {
        if (given == null || given.isBlank()) {
            return words[0];
        }
        for (String word : words) {
            if (given.equals(word)) {
                return word;
            }
        }
        throw new InvalidRequestException(name, "invalid_value",
                "'" + name + "' is '" + given + "' but must be one of " + String.join(", ", words) + ".");
    }

    static @Nullable String present(@Nullable String given) {
        return given == null || given.isBlank() ? null : given;
    }
}

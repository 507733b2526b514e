package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.InvalidConfigException;

/**
 * Reads an object inside a configuration and collects what is wrong with it; unknown members are mistakes. For one thread.
 */
final class Members {
    private final String path;
    private final Map<?, ?> given;
    private final List<ConfigProblem> problems;
    private final List<String> known = new ArrayList<>();

    /**
     * @param path where the object stands, for messages
     * @param problems gets what is wrong
     */
    Members(String path, Map<?, ?> given, List<ConfigProblem> problems) {
        this.path = path;
        this.given = given;
        this.problems = problems;
    }

    private @Nullable Object value(String name) {
        known.add(name);
        return given.get(name);
    }

    private void mistake(String name, String must) {
        problems.add(new ConfigProblem(path + "." + name, "'" + path + "." + name + "' must be " + must + "."));
    }

    @Nullable
    Double real(String name, double minimum, double maximum) {
        Object value = value(name);
        if (value == null) {
            return null;
        }
        if (value instanceof Number number && number.doubleValue() >= minimum && number.doubleValue() <= maximum) {
            return number.doubleValue();
        }
        mistake(name, "a number from " + minimum + " to " + maximum);
        return null;
    }

    @Nullable
    Long whole(String name, long minimum, long maximum) {
        Object value = value(name);
        if (value == null) {
            return null;
        }
        if (value instanceof Long number && number >= minimum && number <= maximum) {
            return number;
        }
        mistake(name, "a whole number from " + minimum + " to " + maximum);
        return null;
    }

    @Nullable
    String text(String name) {
        Object value = value(name);
        if (value == null || value instanceof String) {
            return (String) value;
        }
        mistake(name, "a string");
        return null;
    }

    /** To be called last: reports members that nobody asked for. */
    void finish() {
        for (Object name : given.keySet()) {
            if (!known.contains(String.valueOf(name))) {
                problems.add(new ConfigProblem(path + "." + name,
                        "Unknown member '" + path + "." + name + "'; known: " + String.join(", ", known) + "."));
            }
        }
    }

    /** Members of a JSON object by name; of anything else none. */
    static Map<String, Object> of(@Nullable Object value) {
        Map<String, Object> members = new LinkedHashMap<>();
        if (value instanceof Map<?, ?> object) {
            object.forEach((name, member) -> {
                if (member != null) {
                    members.put(String.valueOf(name), member);
                }
            });
        }
        return members;
    }

    static InvalidConfigException invalid(String key, String message) {
        return new InvalidConfigException(List.of(new ConfigProblem(key, message)));
    }
}

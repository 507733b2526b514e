package dev.d3s.spi;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

/** Checked configuration values: every declared key is present, of its type and inside its range. */
public final class PluginConfig {
    private final Map<String, Object> values;

    private PluginConfig(Map<String, Object> values) {
        this.values = Map.copyOf(values);
    }

    /**
     * Checks given values against declared keys and fills in the defaults.
     *
     * @param keys what the plugin declares
     * @param given what the job says: numbers, booleans, strings, lists and maps by key
     * @throws InvalidConfigException naming every mistake: unknown keys, missing ones, wrong types, values out of range
     */
    public static PluginConfig of(List<ConfigKey> keys, Map<String, ?> given) {
        List<ConfigProblem> problems = new ArrayList<>();
        Map<String, Object> values = new LinkedHashMap<>();
        for (String name : given.keySet()) {
            if (keys.stream().noneMatch(key -> key.name().equals(name))) {
                String known = keys.isEmpty()
                        ? "it takes no configuration"
                        : "known keys: " + keys.stream().map(ConfigKey::name).collect(Collectors.joining(", "));
                problems.add(new ConfigProblem(name, "Unknown key '" + name + "'; " + known + "."));
            }
        }
        for (ConfigKey key : keys) {
            Object value = given.get(key.name());
            if (value == null) {
                value = key.defaultValue();
            }
            if (value == null) {
                problems.add(new ConfigProblem(key.name(),
                        "Key '" + key.name() + "' is required: " + key.description() + "."));
                continue;
            }
            Object checked = checked(key, value, problems);
            if (checked != null) {
                values.put(key.name(), checked);
            }
        }
        if (!problems.isEmpty()) {
            throw new InvalidConfigException(problems);
        }
        return new PluginConfig(values);
    }

    private static @Nullable Object checked(ConfigKey key, Object value, List<ConfigProblem> problems) {
        Object accepted = switch (key) {
            case ConfigKey.Real real -> value instanceof Number number
                    && (real.exclusiveMinimum()
                            ? number.doubleValue() > real.minimum()
                            : number.doubleValue() >= real.minimum())
                    && number.doubleValue() <= real.maximum() ? (Object) number.doubleValue() : null;
            case ConfigKey.Whole whole -> value instanceof Number number
                    // a fraction or a number beyond the range of long does not survive the conversion
                    && number.doubleValue() == number.longValue()
                    && number.longValue() >= whole.minimum() && number.longValue() <= whole.maximum()
                            ? (Object) number.longValue()
                            : null;
            case ConfigKey.Text text -> value instanceof String ? value : null;
            case ConfigKey.Choice choice ->
                value instanceof String word && choice.choices().contains(word) ? word : null;
            case ConfigKey.Flag flag -> value instanceof Boolean ? value : null;
            case ConfigKey.Json json -> JsonValues.isOne(value, json.types()) ? JsonValues.copy(value) : null;
        };
        if (accepted == null) {
            problems.add(new ConfigProblem(key.name(),
                    "Key '" + key.name() + "' is " + shown(value) + " but must be " + allowed(key) + "."));
        }
        return accepted;
    }

    private static String shown(Object value) {
        return switch (value) {
            case String text -> "'" + text + "'";
            case Map<?, ?> members -> "an object";
            case List<?> elements -> "a list";
            default -> String.valueOf(value);
        };
    }

    private static String allowed(ConfigKey key) {
        return switch (key) {
            case ConfigKey.Real real -> "a number " + (real.exclusiveMinimum() ? "above " : "from ") + real.minimum()
                    + " to " + real.maximum();
            case ConfigKey.Whole whole -> "a whole number from " + whole.minimum() + " to " + whole.maximum();
            case ConfigKey.Text text -> "a string";
            case ConfigKey.Choice choice -> "one of " + String.join(", ", choice.choices());
            case ConfigKey.Flag flag -> "true or false";
            case ConfigKey.Json json -> json.types().isEmpty() ? "JSON" : "JSON: " + String.join(" or ", json.types());
        };
    }

    /** The value of a {@link ConfigKey.Real}. */
    public double real(String key) {
        return ((Number) value(key)).doubleValue();
    }

    /** The value of a {@link ConfigKey.Whole}. */
    public long whole(String key) {
        return ((Number) value(key)).longValue();
    }

    /** The value of a {@link ConfigKey.Text} or {@link ConfigKey.Choice}. */
    public String text(String key) {
        return (String) value(key);
    }

    /** The value of a {@link ConfigKey.Flag}. */
    public boolean flag(String key) {
        return (Boolean) value(key);
    }

    /** The value of a {@link ConfigKey.Json}: a string, Long, Double, Boolean, list or map, not to be changed. */
    public Object json(String key) {
        return value(key);
    }

    /** Every key with its value, defaults included. */
    public Map<String, Object> asMap() {
        return values;
    }

    private Object value(String key) {
        Object value = values.get(key);
        if (value == null) {
            throw new IllegalArgumentException("The plugin reads key '" + key + "' but does not declare it.");
        }
        return value;
    }
}

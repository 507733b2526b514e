package dev.d3s.spi;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * One declared configuration key: its name, type, default, range and meaning. A key without a default is required.
 */
public sealed interface ConfigKey {
    /** As written in a job, in snake_case. */
    String name();

    /** One line: what it does and, where it has one, its unit. */
    String description();

    /** The value when a job leaves the key out; {@code null} means that the job must give it. */
    @Nullable
    Object defaultValue();

    /** A real number, {@code minimum <= value <= maximum}, or {@code minimum < value} when exclusive. */
    record Real(String name, @Nullable Double defaultValue, double minimum, boolean exclusiveMinimum, double maximum,
            String description) implements ConfigKey {}

    /** A whole number, {@code minimum <= value <= maximum}. */
    record Whole(String name, @Nullable Long defaultValue, long minimum, long maximum,
            String description) implements ConfigKey {}

    /** Any text. */
    record Text(String name, @Nullable String defaultValue, String description) implements ConfigKey {}

    /** One of the given words. */
    record Choice(String name, @Nullable String defaultValue, List<String> choices,
            String description) implements ConfigKey {
        public Choice {
            choices = List.copyOf(choices);
        }
    }

    /** True or false. */
    record Flag(String name, @Nullable Boolean defaultValue, String description) implements ConfigKey {}

    /**
     * Any JSON: an object, a list or, where the schema allows it, a single value. The server checks the outermost type only; what
     * is inside is the plugin's to check, when it is made.
     *
     * @param defaultValue strings, numbers, booleans, lists and maps
     * @param schema JSON Schema of the value, shown by {@code GET /v1/plugins}; its member {@code type}, a word or a list of
     *            words, is what is checked
     */
    record Json(String name, @Nullable Object defaultValue, Map<String, Object> schema,
            String description) implements ConfigKey {
        public Json {
            schema = Map.copyOf(schema);
        }

        /** A value of one of the types, named as in JSON Schema: object, array, string, number, boolean. */
        public static Json of(String name, @Nullable Object defaultValue, String description, String... types) {
            return new Json(name, defaultValue,
                    Map.of("type", types.length == 1 ? types[0] : List.of((Object[]) types)), description);
        }

        /** The words of the schema's {@code type}; empty when any value will do. */
        List<String> types() {
            return switch (schema.get("type")) {
                case String type -> List.of(type);
                case List<?> types -> types.stream().map(String::valueOf).toList();
                case null, default -> List.of();
            };
        }
    }
}

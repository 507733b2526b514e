package dev.d3s.spi;

import java.util.List;

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
}

package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/** A command's arguments: {@code --name value}, {@code --name=value}, or {@code --flag}. */
final class Arguments {
    private Arguments() {}

    /**
     * One of them.
     *
     * @param value {@code null} for a flag, and where the value is missing
     */
    record Argument(String name, @Nullable String value) {
        /** @throws IllegalArgumentException when there is none */
        String text() {
            if (value == null || value.isEmpty()) {
                throw new IllegalArgumentException(name + " needs a value.");
            }
            return value;
        }

        /** @throws IllegalArgumentException unless it is a whole number from {@code min} to {@code max} */
        long whole(long min, long max) {
            String text = text();
            try {
                long number = Long.parseLong(text);
                if (number >= min && number <= max) {
                    return number;
                }
            } catch (NumberFormatException notANumber) {
                // said below
            }
            throw new IllegalArgumentException(name + " must be a whole number from " + min + " to " + max + ", not \""
                    + text + "\".");
        }

        /** What to throw for a name that the command does not know. */
        IllegalArgumentException unknown() {
            return new IllegalArgumentException("There is no option " + name + ".");
        }
    }

    /** @param flags the names that take no value */
    static List<Argument> parse(Set<String> flags, String... arguments) {
        List<Argument> parsed = new ArrayList<>();
        for (int index = 0; index < arguments.length; index++) {
            String name = arguments[index];
            int equals = name.indexOf('=');
            if (flags.contains(name)) {
                parsed.add(new Argument(name, null));
            } else if (name.startsWith("--") && equals > 0) {
                parsed.add(new Argument(name.substring(0, equals), name.substring(equals + 1)));
            } else if (index + 1 < arguments.length) {
                index++;
                parsed.add(new Argument(name, arguments[index]));
            } else {
                parsed.add(new Argument(name, null));
            }
        }
        return parsed;
    }
}

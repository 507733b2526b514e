package dev.d3s.server.cli;

import java.nio.file.Path;

import org.jspecify.annotations.Nullable;

/**
 * What {@code ./d3s demo} was asked for.
 *
 * @param preset of the reinforcement job
 * @param report where the table goes as JSON; {@code null} for nowhere
 * @param seed of the example data and of both jobs
 * @param steps of the reinforcement job
 * @param serve whether the server keeps running afterwards
 */
public record DemoOptions(String preset, @Nullable Path report, long seed, int steps, boolean serve) {
    /** What can be asked for. */
    public static final String USAGE = """
            Usage: ./d3s demo [options]
              --preset NAME   d3s (default), grpo, ...: what the reinforcement job keeps
              --report FILE   write the result as JSON
              --seed NUMBER   of the example data and both jobs (default 7)
              --steps NUMBER  of the reinforcement job (default 40)
              --serve         keep the server running afterwards""";

    /**
     * Reads the arguments after {@code demo}.
     *
     * @throws IllegalArgumentException with one sentence about the first argument that makes no sense
     */
    public static DemoOptions parse(String... arguments) {
        DemoOptions options = new DemoOptions("d3s", null, 7, 40, false);
        for (int index = 0; index < arguments.length; index++) {
            String name = arguments[index];
            if (name.equals("--serve")) {
                options = new DemoOptions(options.preset, options.report, options.seed, options.steps, true);
                continue;
            }
            int equals = name.indexOf('=');
            String value = null;
            if (name.startsWith("--") && equals > 0) {
                value = name.substring(equals + 1);
                name = name.substring(0, equals);
            } else if (index + 1 < arguments.length) {
                value = arguments[index + 1];
                index++;
            }
            options = options.with(name, value);
        }
        return options;
    }

    private DemoOptions with(String name, @Nullable String value) {
        return switch (name) {
            case "--preset" -> new DemoOptions(required(name, value), report, seed, steps, serve);
            case "--report" -> new DemoOptions(preset, Path.of(required(name, value)), seed, steps, serve);
            case "--seed" -> new DemoOptions(preset, report, number(name, value, 0, (1L << 53) - 1), steps, serve);
            case "--steps" -> new DemoOptions(preset, report, seed, (int) number(name, value, 1, 1_000_000), serve);
            default -> throw new IllegalArgumentException("There is no option " + name + ".");
        };
    }

    private static String required(String name, @Nullable String value) {
        if (value == null || value.isEmpty()) {
            throw new IllegalArgumentException(name + " needs a value.");
        }
        return value;
    }

    private static long number(String name, @Nullable String value, long min, long max) {
        String text = required(name, value);
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
}

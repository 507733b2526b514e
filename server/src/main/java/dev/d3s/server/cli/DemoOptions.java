package dev.d3s.server.cli;

import java.nio.file.Path;
import java.util.Set;

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
        for (Arguments.Argument argument : Arguments.parse(Set.of("--serve"), arguments)) {
            options = options.with(argument);
        }
        return options;
    }

    private DemoOptions with(Arguments.Argument argument) {
        return switch (argument.name()) {
            case "--preset" -> new DemoOptions(argument.text(), report, seed, steps, serve);
            case "--report" -> new DemoOptions(preset, Path.of(argument.text()), seed, steps, serve);
            case "--seed" -> new DemoOptions(preset, report, argument.whole(0, (1L << 53) - 1), steps, serve);
            case "--steps" -> new DemoOptions(preset, report, seed, (int) argument.whole(1, 1_000_000), serve);
            case "--serve" -> new DemoOptions(preset, report, seed, steps, true);
            default -> throw argument.unknown();
        };
    }
}

package dev.d3s.server.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * What {@code ./d3s compare} was asked for.
 *
 * @param variants what is compared; empty for every preset of the server
 * @param firstSeed of {@code seeds} in a row
 * @param givenSteps of each reinforcement job, where the start's default is not meant
 * @param givenLearningRate its peak, where the start's default is not meant
 * @param report where the page goes, and the tables beside it; {@code null} for nowhere
 */
public record CompareOptions(List<Variant> variants, long firstSeed, int seeds, OptionalInt givenSteps,
        OptionalDouble givenLearningRate, ArithmeticStart start, @Nullable Path report) {
    /** What can be asked for. */
    public static final String USAGE = """
            Usage: ./d3s compare [options]
              --presets LIST         what to compare, separated by commas (default: every preset); grpo is added.
                                     A preset may be changed: d3s:rollouts=0.25-0.5:tokens=0.2-0.5 keeps other shares
                                     (first step to last), tokens=0.2 the same share throughout, and
                                     d3s:tokens.norm=all sets a member of the job's d3s
              --seeds NUMBER         how many (default 3)
              --seed FIRST           the first of them (default 0)
              --steps NUMBER         of each reinforcement job (default 48, from a weak start 80)
              --start usual|weak     the policy it starts from is right in a third of what it samples, or hardly ever
              --learning-rate RATE   its peak (default 2e-4, from a weak start 3e-4)
              --report FILE.html     write the page FILE.html and the tables FILE.csv, FILE-runs.csv, FILE-steps.csv""";

    private static final CompareOptions DEFAULT = new CompareOptions(List.of(), 0, 3, OptionalInt.empty(),
            OptionalDouble.empty(), ArithmeticStart.USUAL, null);

    public CompareOptions {
        variants = List.copyOf(variants);
    }

    /**
     * Reads the arguments after {@code compare}.
     *
     * @throws IllegalArgumentException with one sentence about the first argument that makes no sense
     */
    public static CompareOptions parse(String... arguments) {
        CompareOptions options = DEFAULT;
        for (Arguments.Argument argument : Arguments.parse(Set.of(), arguments)) {
            options = options.with(argument);
        }
        return options;
    }

    private CompareOptions with(Arguments.Argument argument) {
        return switch (argument.name()) {
            case "--presets" -> new CompareOptions(withBaseline(Variant.parseList(argument.text())), firstSeed, seeds,
                    givenSteps, givenLearningRate, start, report);
            case "--seeds" -> new CompareOptions(variants, firstSeed, (int) argument.whole(1, 1000), givenSteps,
                    givenLearningRate, start, report);
            case "--seed" -> new CompareOptions(variants, argument.whole(0, (1L << 53) - 1000), seeds, givenSteps,
                    givenLearningRate, start, report);
            case "--steps" -> new CompareOptions(variants, firstSeed, seeds,
                    OptionalInt.of((int) argument.whole(1, 1_000_000)), givenLearningRate, start, report);
            case "--learning-rate" -> new CompareOptions(variants, firstSeed, seeds, givenSteps,
                    OptionalDouble.of(rate(argument)), start, report);
            case "--start" -> new CompareOptions(variants, firstSeed, seeds, givenSteps, givenLearningRate,
                    start(argument), report);
            case "--report" -> new CompareOptions(variants, firstSeed, seeds, givenSteps, givenLearningRate, start,
                    page(argument));
            default -> throw argument.unknown();
        };
    }

    /** The baseline is always run; it comes first unless it was given a place. */
    static List<Variant> withBaseline(List<Variant> variants) {
        List<Variant> all = new ArrayList<>(variants);
        if (all.stream().noneMatch(variant -> variant.name().equals(Variant.BASELINE.name()))) {
            all.addFirst(Variant.BASELINE);
        }
        return all;
    }

    private static ArithmeticStart start(Arguments.Argument argument) {
        return switch (argument.text()) {
            case "usual" -> ArithmeticStart.USUAL;
            case "weak" -> ArithmeticStart.WEAK;
            default -> throw new IllegalArgumentException(
                    "--start must be usual or weak, not \"" + argument.text() + "\".");
        };
    }

    private static double rate(Arguments.Argument argument) {
        try {
            double rate = Double.parseDouble(argument.text());
            if (rate > 0 && rate <= 10) {
                return rate;
            }
        } catch (NumberFormatException notANumber) {
            // said below
        }
        throw new IllegalArgumentException(
                "--learning-rate must be a number above 0 and up to 10, not \"" + argument.text() + "\".");
    }

    /** Said now rather than after twenty minutes. */
    private static Path page(Arguments.Argument argument) {
        Path page = Path.of(argument.text()).toAbsolutePath();
        if (!page.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".html")) {
            throw new IllegalArgumentException("--report must end in .html: the tables FILE.csv, FILE-runs.csv and"
                    + " FILE-steps.csv are written beside FILE.html.");
        }
        Path directory = page.getParent();
        if (directory == null || !Files.isDirectory(directory) || !Files.isWritable(directory)) {
            throw new IllegalArgumentException("--report: " + directory + " is no directory that can be written to.");
        }
        return page;
    }

    int steps() {
        return givenSteps.orElse(start.comparedSteps());
    }

    double learningRate() {
        return givenLearningRate.orElse(start.learningRate());
    }
}

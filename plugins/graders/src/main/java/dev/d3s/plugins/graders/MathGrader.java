package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code math}: 1 when input and reference end in the same answer, else 0. Where the reference is a number, the input must be
 * that number, exactly: 0.1, 1/10 and 10 % are one number, 0.3333 and 1/3 are two. Else both are read by {@link MathParser}
 * and compared as {@link MathValue} says, expressions by {@link Arithmetic}. Thread-safe; nothing to close.
 */
final class MathGrader implements RewardFunction {
    /** An answer without a mark is looked at as a whole when it is not longer. */
    private static final int MAXIMUM_BARE = 300;

    private final Template input;
    private final Template reference;

    MathGrader(Template input, Template reference) {
        this.input = input;
        this.reference = reference;
    }

    @Override
    public double score(RewardInput rollout) {
        return isRight(input.render(rollout), reference.render(rollout)) ? 1 : 0;
    }

    private static boolean isRight(String text, String expected) {
        String markedReference = MathAnswer.marked(expected);
        String right = markedReference == null ? expected.strip() : markedReference;
        boolean bare = markedReference != null || right.length() <= MAXIMUM_BARE;
        Arithmetic arithmetic = new Arithmetic();
        MathParser parser = new MathParser(arithmetic);
        MathAnswer number = bare ? MathAnswer.one(right) : null;
        MathValue value = bare && number == null ? parser.parse(right) : null;
        boolean prose = value instanceof MathValue.Words words && markedReference == null && words.text().contains(" ")
                && !right.startsWith("\\");
        if (number == null && (value == null || prose) && markedReference == null) {
            number = MathAnswer.last(expected);
        }
        String marked = MathAnswer.marked(text);
        if (number != null) {
            return isNumber(text, marked, number, arithmetic, parser);
        }
        if (value == null || prose) {
            throw new D3sException(ErrorCategory.USER, "reference_not_readable",
                    "The reference has no final answer that can be compared: '" + shortened(expected)
                            + "'. Let 'reference' name a row member that has one, or use string_check.");
        }
        for (String candidate : marked == null ? unmarked(text) : List.of(marked)) {
            MathValue given = parser.parse(candidate);
            if (given != null && same(given, value, arithmetic)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isNumber(String text, @Nullable String marked, MathAnswer number, Arithmetic arithmetic,
            MathParser parser) {
        MathAnswer given = marked == null ? MathAnswer.last(text) : MathAnswer.one(marked);
        if (given != null || marked == null) {
            return given != null && given.matches(number);
        }
        // not written as a number, but perhaps one: 2^{10}, \sqrt{16}; what is left to add or multiply is no answer
        return parser.parse(marked) instanceof MathValue.Scalar scalar && !scalar.unfinished()
                && same(scalar, new MathValue.Scalar(arithmetic.number(number.value()), number.percent(), false),
                        arithmetic);
    }

    private static boolean same(MathValue given, MathValue right, Arithmetic arithmetic) {
        try {
            return MathValue.same(given, right, arithmetic);
        } catch (ArithmeticException e) {
            return false; // more than an answer is worth
        }
    }

    /** Where an answer may stand that is not marked: in the last formula, or everywhere. */
    private static List<String> unmarked(String text) {
        List<String> candidates = new ArrayList<>();
        for (List<String> delimiters : List.of(List.of("$$", "$$"), List.of("$", "$"), List.of("\\(", "\\)"),
                List.of("\\[", "\\]"))) {
            int end = text.lastIndexOf(delimiters.get(1));
            int begin = end <= 0 ? -1 : text.lastIndexOf(delimiters.get(0), end - 1);
            if (begin >= 0 && begin + delimiters.get(0).length() < end) {
                candidates.add(text.substring(begin + delimiters.get(0).length(), end));
            }
        }
        if (text.length() <= MAXIMUM_BARE) {
            candidates.add(text);
        }
        return candidates;
    }

    private static String shortened(String text) {
        return text.length() <= 80 ? text : "..." + text.substring(text.length() - 77);
    }

    static final class Factory implements RewardFunctionFactory {
        @Override
        public String name() {
            return "math";
        }

        @Override
        public String description() {
            return "1 when the final answers are equal, exactly: numbers, expressions, tuples, intervals, sets.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "math", "label of this grader, free to choose"),
                    new ConfigKey.Text("input", "{{sample.output_text}}", "template of the solution to grade"),
                    new ConfigKey.Text("reference", "{{item.answer}}",
                            "template of a solution or answer known to be right"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return new MathGrader(Template.of("input", config.text("input")),
                    Template.of("reference", config.text("reference")));
        }
    }
}

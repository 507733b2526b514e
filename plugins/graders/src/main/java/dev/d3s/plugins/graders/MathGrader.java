package dev.d3s.plugins.graders;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code math}: 1 when input and reference end in the same number, else 0; see {@link MathAnswer} for where the number is
 * found. Arithmetic is exact: 0.1, 1/10 and 10 % are one number, 0.3333 and 1/3 are two. Thread-safe; nothing to close.
 */
final class MathGrader implements RewardFunction {
    private final Template input;
    private final Template reference;

    MathGrader(Template input, Template reference) {
        this.input = input;
        this.reference = reference;
    }

    @Override
    public double score(RewardInput rollout) {
        String expected = reference.render(rollout);
        MathAnswer right = MathAnswer.of(expected);
        if (right == null) {
            throw new D3sException(ErrorCategory.USER, "reference_not_numeric",
                    "The reference has no final number: '" + shortened(expected)
                            + "'. Let 'reference' name a row member that has one, or use string_check.");
        }
        MathAnswer given = MathAnswer.of(input.render(rollout));
        return given != null && given.matches(right) ? 1 : 0;
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
            return "1 when the final numbers are equal, exactly: last \\boxed{} or ####, else the last number.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "math", "label of this grader, free to choose"),
                    new ConfigKey.Text("input", "{{sample.output_text}}", "template of the solution to grade"),
                    new ConfigKey.Text("reference", "{{item.answer}}",
                            "template of a solution or number known to be right"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return new MathGrader(Template.of("input", config.text("input")),
                    Template.of("reference", config.text("reference")));
        }
    }
}

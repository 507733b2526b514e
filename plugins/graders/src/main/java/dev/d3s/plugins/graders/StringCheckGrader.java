package dev.d3s.plugins.graders;

import java.util.List;
import java.util.Locale;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code string_check}, in OpenAI's format: 1 when the input stands in the named relation to the reference, else 0.
 * Nothing is trimmed. Thread-safe; nothing to close.
 */
final class StringCheckGrader implements RewardFunction {
    /** As OpenAI's guide to graders defines them. */
    enum Operation {
        /** Equal. */
        EQ,
        /** Not equal. */
        NE,
        /** The input contains the reference. */
        LIKE,
        /** The input contains the reference, upper or lower case. */
        ILIKE;

        boolean holds(String input, String reference) {
            return switch (this) {
                case EQ -> input.equals(reference);
                case NE -> !input.equals(reference);
                case LIKE -> input.contains(reference);
                // upper case first: it folds letters that share an upper case only
                case ILIKE -> folded(input).contains(folded(reference));
            };
        }

        private static String folded(String text) {
            return text.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT);
        }
    }

    private final Template input;
    private final Template reference;
    private final Operation operation;

    StringCheckGrader(Template input, Template reference, Operation operation) {
        this.input = input;
        this.reference = reference;
        this.operation = operation;
    }

    @Override
    public double score(RewardInput rollout) {
        return operation.holds(input.render(rollout), reference.render(rollout)) ? 1 : 0;
    }

    static final class Factory implements RewardFunctionFactory {
        @Override
        public String name() {
            return "string_check";
        }

        @Override
        public String description() {
            return "1 when two texts are equal, differ, or one contains the other; else 0 (OpenAI's string_check).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "string_check", "label of this grader, free to choose"),
                    new ConfigKey.Text("input", null,
                            "template of the text to check, usually {{sample.output_text}}"),
                    new ConfigKey.Text("reference", null,
                            "template of the text to compare with, for example {{item.answer}}"),
                    new ConfigKey.Choice("operation", null, List.of("eq", "ne", "like", "ilike"),
                            "eq: equal; ne: not equal; like: input contains reference; ilike: the same, ignoring case"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return new StringCheckGrader(Template.of("input", config.text("input")),
                    Template.of("reference", config.text("reference")),
                    Operation.valueOf(config.text("operation").toUpperCase(Locale.ROOT)));
        }
    }
}

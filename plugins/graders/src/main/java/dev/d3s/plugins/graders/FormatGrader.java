package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import com.google.re2j.Matcher;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code format}: whether a text has the required form, 0 to 1. The form is a regular expression, or tags such as
 * {@code <think>...</think><answer>...</answer>} that stand there once each, in order; of the tags' rules each that holds
 * gives its share. Patterns are RE2's, which takes time linear in the text whatever the pattern. Thread-safe; nothing to close.
 */
final class FormatGrader implements RewardFunction {
    /** The form. */
    sealed interface Form {
        /** @param whole whether it must match from beginning to end */
        record Regex(Pattern pattern, boolean whole) implements Form {}

        /**
         * @param names in order
         * @param firstInPrompt whether the prompt ended with the first opening tag, so that the text lacks it
         * @param alone whether nothing but spaces may stand outside them
         */
        record Tags(List<String> names, boolean firstInPrompt, boolean alone) implements Form {}
    }

    private final Template input;
    private final Form form;
    private final boolean partial;

    FormatGrader(Template input, Form form, boolean partial) {
        this.input = input;
        this.form = form;
        this.partial = partial;
    }

    @Override
    public double score(RewardInput rollout) {
        String text = input.render(rollout);
        double share = switch (form) {
            case Form.Regex(Pattern pattern, boolean whole) -> matches(pattern, whole, text) ? 1 : 0;
            case Form.Tags tags -> share(tags, text);
        };
        return partial || share == 1 ? share : 0;
    }

    private static boolean matches(Pattern pattern, boolean whole, String text) {
        Matcher matcher = pattern.matcher(text);
        return whole ? matcher.matches() : matcher.find();
    }

    /** Rules that hold, over all: each tag opens once, closes once, all in order, and perhaps nothing outside. */
    private static double share(Form.Tags tags, String text) {
        int rules = 0;
        int held = 0;
        boolean ordered = true;
        boolean alone = true;
        int end = 0; // behind the last tag in order
        for (int i = 0; i < tags.names().size(); i++) {
            String opening = "<" + tags.names().get(i) + ">";
            String closing = "</" + tags.names().get(i) + ">";
            int begin = end;
            boolean inPrompt = i == 0 && tags.firstInPrompt();
            rules += 2;
            held += count(text, opening) == (inPrompt ? 0 : 1) ? 1 : 0;
            held += count(text, closing) == 1 ? 1 : 0;
            int open = inPrompt ? 0 : text.indexOf(opening, begin);
            int close = open < 0 ? -1 : text.indexOf(closing, open);
            if (close < 0) {
                ordered = false;
                alone = false;
                continue;
            }
            alone &= text.substring(begin, open).isBlank();
            end = close + closing.length();
        }
        rules++;
        held += ordered ? 1 : 0;
        if (tags.alone()) {
            rules++;
            held += alone && text.substring(end).isBlank() ? 1 : 0;
        }
        return (double) held / rules;
    }

    private static int count(String text, String part) {
        int count = 0;
        for (int i = text.indexOf(part); i >= 0; i = text.indexOf(part, i + part.length())) {
            count++;
        }
        return count;
    }

    static final class Factory implements RewardFunctionFactory {
        private static final int MAXIMUM_PATTERN = 1000;
        /** Of the counts of all repetitions, multiplied: what a pattern can grow to when it is compiled. */
        private static final long MAXIMUM_REPETITION = 1000;
        private static final int MAXIMUM_TAGS = 16;
        private static final Pattern TAG = Pattern.compile("[A-Za-z][A-Za-z0-9_-]{0,39}");
        private static final Pattern REPETITION = Pattern.compile("\\{([0-9]+)(?:,([0-9]*))?\\}");

        @Override
        public String name() {
            return "format";
        }

        @Override
        public String description() {
            return "Whether a text matches a pattern or has tags such as <think> in order, 0 to 1.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "format", "label of this grader, free to choose"),
                    new ConfigKey.Text("input", "{{sample.output_text}}", "template of the text to check"),
                    new ConfigKey.Text("pattern", "", "regular expression in RE2's syntax; this or 'tags'"),
                    new ConfigKey.Choice("match", "whole", List.of("whole", "part"),
                            "whether the pattern must match the whole text or a part of it"),
                    new ConfigKey.Json("tags", List.of(), Map.of("type", "array", "items", Map.of("type", "string")),
                            "names of tags that stand there once each, in this order; these or 'pattern'"),
                    new ConfigKey.Flag("tags_alone", true, "whether nothing but spaces may stand outside the tags"),
                    new ConfigKey.Flag("first_tag_in_prompt", false,
                            "whether the prompt ended with the first opening tag, so that the text lacks it"),
                    new ConfigKey.Flag("partial", true,
                            "a share for each rule of the tags that holds; or all or nothing"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            Template input = Template.of("input", config.text("input"));
            String pattern = config.text("pattern");
            List<?> tags = (List<?>) config.json("tags");
            if (pattern.isEmpty() == tags.isEmpty()) {
                throw Members.invalid("pattern", pattern.isEmpty()
                        ? "Either 'pattern' or 'tags' must say what the form is."
                        : "Only one of 'pattern' and 'tags' can say what the form is.");
            }
            Form form = pattern.isEmpty()
                    ? new Form.Tags(names(tags), config.flag("first_tag_in_prompt"), config.flag("tags_alone"))
                    : new Form.Regex(compiled(pattern), config.text("match").equals("whole"));
            return new FormatGrader(input, form, config.flag("partial"));
        }

        private static List<String> names(List<?> given) {
            Set<String> names = new LinkedHashSet<>();
            for (@Nullable
            Object name : given) {
                if (!(name instanceof String tag) || !TAG.matches(tag)) {
                    throw Members.invalid("tags",
                            "Key 'tags' must list names such as \"think\": up to 40 letters, digits, - and _, without < and >.");
                }
                if (!names.add(tag)) {
                    throw Members.invalid("tags", "Key 'tags' names '" + tag + "' twice.");
                }
            }
            if (names.size() > MAXIMUM_TAGS) {
                throw Members.invalid("tags", "Key 'tags' names more than " + MAXIMUM_TAGS + " tags.");
            }
            return new ArrayList<>(names);
        }

        private static Pattern compiled(String pattern) {
            if (pattern.length() > MAXIMUM_PATTERN) {
                throw Members.invalid("pattern", "Key 'pattern' is longer than " + MAXIMUM_PATTERN + " characters.");
            }
            long repetition = 1;
            Matcher matcher = REPETITION.matcher(pattern);
            while (matcher.find()) {
                String most = matcher.group(2) == null || matcher.group(2).isEmpty()
                        ? matcher.group(1)
                        : matcher.group(2);
                repetition *= most.length() > 6 ? MAXIMUM_REPETITION + 1 : Math.max(1, Long.parseLong(most));
                if (repetition > MAXIMUM_REPETITION) {
                    throw Members.invalid("pattern", "The counts of the repetitions in 'pattern' multiply to more than "
                            + MAXIMUM_REPETITION + ": use * or + instead of large counts.");
                }
            }
            try {
                // a dot stands for line breaks too: completions have many lines
                return Pattern.compile(pattern, Pattern.DOTALL);
            } catch (PatternSyntaxException e) {
                throw Members.invalid("pattern", "Key 'pattern' is no regular expression of RE2: " + e.getDescription()
                        + (e.getPattern() == null ? "" : " in '" + e.getPattern() + "'") + ".");
            }
        }
    }
}

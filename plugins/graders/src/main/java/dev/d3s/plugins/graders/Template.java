package dev.d3s.plugins.graders;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.RewardInput;

/**
 * Text with variables in double braces, as in OpenAI's graders: <code>{{sample.output_text}}</code> is the completion,
 * <code>{{item.x}}</code> a member of the dataset row, <code>{{item.a.b}}</code> a member inside it and
 * <code>{{item.list.0}}</code> an element of a list. Anything else in double braces is refused when the grader is made.
 * Immutable.
 */
final class Template {
    private static final String OPEN = "{{";
    private static final String CLOSE = "}}";
    private static final String KNOWN = "known are {{sample.output_text}} and {{item.<member of the dataset row>}}";

    private sealed interface Part {
        record Literal(String text) implements Part {}

        record Completion() implements Part {}

        /** @param path at least one name */
        record Item(List<String> path) implements Part {}
    }

    private final List<Part> parts;

    private Template(List<Part> parts) {
        this.parts = List.copyOf(parts);
    }

    /**
     * @param key the configuration key that holds the template, for messages
     * @throws InvalidConfigException naming every variable that is not known
     */
    static Template of(String key, String text) {
        List<Part> parts = new ArrayList<>();
        List<ConfigProblem> problems = new ArrayList<>();
        int position = 0;
        while (position < text.length()) {
            int open = text.indexOf(OPEN, position);
            if (open < 0) {
                break;
            }
            int close = text.indexOf(CLOSE, open + OPEN.length());
            if (close < 0) {
                problems.add(new ConfigProblem(key,
                        "Template '" + key + "' opens {{ at character " + (open + 1) + " and never closes it."));
                break;
            }
            parts.add(new Part.Literal(text.substring(position, open)));
            String variable = text.substring(open + OPEN.length(), close).strip();
            Part part = variable(variable);
            if (part == null) {
                problems.add(new ConfigProblem(key,
                        "Template '" + key + "' names {{" + variable + "}}, which is not known; " + KNOWN + "."));
            } else {
                parts.add(part);
            }
            position = close + CLOSE.length();
        }
        if (!problems.isEmpty()) {
            throw new InvalidConfigException(problems);
        }
        parts.add(new Part.Literal(text.substring(position)));
        return new Template(parts);
    }

    private static @Nullable Part variable(String name) {
        if (name.equals("sample.output_text")) {
            return new Part.Completion();
        }
        List<String> path = Arrays.asList(name.split("\\.", -1));
        boolean wellFormed = path.size() >= 2 && path.getFirst().equals("item")
                && path.stream()
                    .noneMatch(word -> word.isEmpty() || word.chars().anyMatch(c -> " \t\r\n{}[]".indexOf(c) >= 0));
        return wellFormed ? new Part.Item(path.subList(1, path.size())) : null;
    }

    /** @throws D3sException naming the variable when the row does not have it or it is not a single value */
    String render(RewardInput input) {
        StringBuilder rendered = new StringBuilder();
        for (Part part : parts) {
            switch (part) {
                case Part.Literal(String text) -> rendered.append(text);
                case Part.Completion() -> rendered.append(input.completion());
                case Part.Item member -> rendered.append(value(member.path(), input.item()));
            }
        }
        return rendered.toString();
    }

    private static String value(List<String> path, Map<String, Object> item) {
        Object value = item;
        for (int depth = 0; depth < path.size(); depth++) {
            value = child(value, path, depth);
        }
        return switch (value) {
            case String text -> text;
            case Boolean flag -> flag.toString();
            case Double number -> BigDecimal.valueOf(number).stripTrailingZeros().toPlainString();
            case BigDecimal number -> number.toPlainString();
            case Number number -> number.toString();
            default -> throw problem(path, "is a list or an object, not a single value; name one of its members");
        };
    }

    /** The member or element that {@code path[depth]} names inside {@code parent}. */
    private static Object child(Object parent, List<String> path, int depth) {
        String name = path.get(depth);
        Object child;
        if (parent instanceof Map<?, ?> members) {
            child = members.get(name);
            if (child == null && !members.containsKey(name)) {
                TreeSet<String> names = new TreeSet<>();
                members.keySet().forEach(key -> names.add(String.valueOf(key)));
                throw problem(path, "is not in this dataset row: " + owner(path, depth) + " has no member '" + name
                        + "', it has " + (names.isEmpty() ? "none" : String.join(", ", names)));
            }
        } else if (parent instanceof List<?> elements) {
            int index = index(name);
            if (index < 0 || index >= elements.size()) {
                throw problem(path, "is not in this dataset row: " + owner(path, depth) + " is a list of "
                        + elements.size() + " and '" + name + "' is not the number of an element, counted from 0");
            }
            child = elements.get(index);
        } else {
            throw problem(path, "is not in this dataset row: " + owner(path, depth)
                    + " is a single value and has no member '" + name + "'");
        }
        if (child == null) {
            throw problem(path, "is null in this dataset row");
        }
        return child;
    }

    private static int index(String name) {
        return !name.isEmpty() && name.length() <= 9 && name.chars().allMatch(c -> c >= '0' && c <= '9')
                ? Integer.parseInt(name)
                : -1;
    }

    private static String owner(List<String> path, int depth) {
        return depth == 0 ? "the row" : "'" + String.join(".", path.subList(0, depth)) + "'";
    }

    private static D3sException problem(List<String> path, String what) {
        return new D3sException(ErrorCategory.USER, "template_variable",
                "Template variable {{item." + String.join(".", path) + "}} " + what + ".");
    }
}

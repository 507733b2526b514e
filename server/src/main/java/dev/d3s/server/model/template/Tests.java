package dev.d3s.server.model.template;

import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.template.Values.Undefined;

/** What can stand behind {@code is}. */
final class Tests {
    private Tests() {}

    static boolean passes(String name, @Nullable Object value, Arguments arguments) {
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == null;
            case "boolean" -> value instanceof Boolean;
            case "true" -> Boolean.TRUE.equals(value);
            case "false" -> Boolean.FALSE.equals(value);
            case "string" -> value instanceof String;
            case "number" -> Values.number(value);
            case "integer" -> Values.number(value) && !(value instanceof Double) && !(value instanceof Boolean);
            case "float" -> value instanceof Double;
            case "mapping" -> value instanceof Map;
            case "iterable" -> value instanceof String || value instanceof List || value instanceof Map
                    || value instanceof Undefined || value instanceof Values.Generated;
            case "sequence" -> value instanceof String || value instanceof List || value instanceof Map
                    || value instanceof Undefined;
            case "callable" -> value instanceof Values.Function;
            case "escaped" -> false;
            case "odd" -> Values.equal(Values.arithmetic("%", value, 2L), 1L);
            case "even" -> Values.equal(Values.arithmetic("%", value, 2L), 0L);
            case "divisibleby" -> Values.equal(Values.arithmetic("%", value, other(arguments)), 0L);
            case "lower" -> Values.text(value).equals(Values.text(value).toLowerCase(Locale.ROOT))
                    && !Values.text(value).equals(Values.text(value).toUpperCase(Locale.ROOT));
            case "upper" -> Values.text(value).equals(Values.text(value).toUpperCase(Locale.ROOT))
                    && !Values.text(value).equals(Values.text(value).toLowerCase(Locale.ROOT));
            case "in" -> Values.contains(other(arguments), value);
            case "eq", "equalto", "==" -> Values.equal(value, other(arguments));
            case "ne", "!=" -> !Values.equal(value, other(arguments));
            case "lt", "lessthan", "<" -> Values.compare(value, other(arguments)) < 0;
            case "le", "<=" -> Values.compare(value, other(arguments)) <= 0;
            case "gt", "greaterthan", ">" -> Values.compare(value, other(arguments)) > 0;
            case "ge", ">=" -> Values.compare(value, other(arguments)) >= 0;
            case "sameas" -> same(value, other(arguments));
            case "filter" -> value instanceof String filter && Filters.NAMES.contains(filter);
            default -> throw TemplateException.failed("there is no test '" + name + "'");
        };
    }

    /** Python's {@code is}: containers by identity, immutable values by value, since Python shares equal ones. */
    @SuppressWarnings("ReferenceEquality")
    private static boolean same(@Nullable Object left, @Nullable Object right) {
        return left == right
                || (left != null && right != null && left.getClass() == right.getClass() && !(left instanceof List)
                        && !(left instanceof Map) && left.equals(right));
    }

    private static @Nullable Object other(Arguments arguments) {
        return arguments.bind("other").value(0);
    }
}

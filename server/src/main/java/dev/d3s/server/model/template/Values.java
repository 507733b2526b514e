package dev.d3s.server.model.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The values of templates behave as Python's. They are {@code null} (None), Boolean, Long or BigInteger, Double, String, List, {@link Tuple},
 * Map, {@link Undefined}, {@link Generated} and what can be called: nothing else, so a template reaches no object of the server.
 */
final class Values {
    /** Elements that one list may have. */
    static final int MAX_ELEMENTS = 1_000_000;
    private static final int MAX_DEPTH = 100;

    private Values() {}

    /** What a variable that does not exist is: empty text when printed, false when tested, an error when looked into. */
    record Undefined(String what) {
        TemplateException failure() {
            return TemplateException.failed(what + " is undefined");
        }
    }

    /** A list that is written with parentheses. */
    static final class Tuple extends ArrayList<@Nullable Object> {
        private static final long serialVersionUID = 1L;

        Tuple(Collection<? extends @Nullable Object> elements) {
            super(elements);
        }

        static Tuple of(@Nullable Object first, @Nullable Object second) {
            List<@Nullable Object> both = new ArrayList<>();
            both.add(first);
            both.add(second);
            return new Tuple(both);
        }
    }

    /** What Python's generators are: something to walk over once, always true, without length. */
    static final class Generated {
        private List<@Nullable Object> rest;

        Generated(List<@Nullable Object> elements) {
            rest = elements;
        }

        List<@Nullable Object> take() {
            List<@Nullable Object> all = rest;
            rest = List.of();
            return all;
        }
    }

    /** What {@code |safe} makes: text that, when other text is added to it, escapes that one as HTML. */
    record Safe(String text) {
        static Safe joined(@Nullable Object left, @Nullable Object right) {
            String both = part(left) + part(right);
            Text.checked(both.length());
            return new Safe(both);
        }

        private static String part(@Nullable Object value) {
            return value instanceof Safe safe ? safe.text : escaped(Values.text(value));
        }
    }

    static String escaped(String text) {
        return text.replace("&", "&amp;")
            .replace("<", "&lt;")
            .replace(">", "&gt;")
            .replace("'", "&#39;")
            .replace("\"", "&#34;");
    }

    static @Nullable Object plain(@Nullable Object value) {
        return value instanceof Safe safe ? safe.text : value;
    }

    /** What has attributes but is no map. */
    interface Attributes {
        /** {@code null} is a value; what does not exist is {@link Undefined}. */
        @Nullable
        Object attribute(String name);
    }

    /** What can be called. */
    @FunctionalInterface
    interface Function {
        @Nullable
        Object call(Arguments arguments);
    }

    /** What {@code namespace()} makes: the only thing that a template can change. */
    static final class Namespace implements Attributes {
        private final Map<String, @Nullable Object> members = new LinkedHashMap<>();

        @Override
        public @Nullable Object attribute(String name) {
            return members.containsKey(name)
                    ? members.get(name)
                    : new Undefined("the member '" + name + "' of a namespace");
        }

        void set(String name, @Nullable Object value) {
            members.put(name, value);
        }
    }

    /** A deep copy of what the caller gave, in the values that templates know. */
    static @Nullable Object imported(@Nullable Object value, int depth) {
        if (depth > MAX_DEPTH) {
            throw TemplateException.limit("the values are nested more than " + MAX_DEPTH + " deep");
        }
        return switch (value) {
            case null -> null;
            case Boolean flag -> flag;
            case String text -> text;
            case Byte number -> number.longValue();
            case Short number -> number.longValue();
            case Integer number -> number.longValue();
            case Long number -> number;
            case BigInteger number -> integer(number);
            case Number number -> number.doubleValue();
            case Map<?, ?> map -> {
                Map<@Nullable Object, @Nullable Object> copy = new LinkedHashMap<>();
                map.forEach((key, member) -> copy.put(imported(key, depth + 1), imported(member, depth + 1)));
                yield copy;
            }
            case Collection<?> list -> {
                List<@Nullable Object> copy = new ArrayList<>(list.size());
                list.forEach(element -> copy.add(imported(element, depth + 1)));
                yield copy;
            }
            default -> throw new IllegalArgumentException("no value of a template: " + value.getClass());
        };
    }

    static Object integer(BigInteger number) {
        return number.bitLength() < Long.SIZE ? (Object) number.longValue() : number;
    }

    static String type(@Nullable Object value) {
        return switch (value) {
            case null -> "none";
            case Boolean flag -> "a boolean";
            case Long number -> "an integer";
            case BigInteger number -> "an integer";
            case Double number -> "a number";
            case String text -> "text";
            case Tuple tuple -> "a tuple";
            case List<?> list -> "a list";
            case Map<?, ?> map -> "a mapping";
            case Undefined undefined -> "undefined";
            case Generated generated -> "a generator";
            case Namespace namespace -> "a namespace";
            case Function function -> "a function";
            default -> "an object";
        };
    }

    static boolean truth(@Nullable Object value) {
        return switch (value) {
            case null -> false;
            case Boolean flag -> flag;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Undefined undefined -> false;
            default -> true;
        };
    }

    static boolean number(@Nullable Object value) {
        return value instanceof Long || value instanceof Double || value instanceof BigInteger
                || value instanceof Boolean;
    }

    static boolean equal(@Nullable Object left, @Nullable Object right) {
        if (number(left) && number(right)) {
            return compareNumbers(left, right) == 0;
        }
        return switch (left) {
            case null -> right == null;
            case List<?> list -> right instanceof List<?> other && list instanceof Tuple == other instanceof Tuple
                    && equalLists(list, other);
            case Map<?, ?> map -> right instanceof Map<?, ?> other && equalMaps(map, other);
            case Undefined undefined -> right instanceof Undefined;
            default -> left.equals(right);
        };
    }

    private static boolean equalLists(List<?> left, List<?> right) {
        if (left.size() != right.size()) {
            return false;
        }
        for (int index = 0; index < left.size(); index++) {
            if (!equal(left.get(index), right.get(index))) {
                return false;
            }
        }
        return true;
    }

    private static boolean equalMaps(Map<?, ?> left, Map<?, ?> right) {
        return left.size() == right.size() && left.entrySet()
            .stream()
            .allMatch(entry -> right.containsKey(entry.getKey())
                    && equal(entry.getValue(), right.get(entry.getKey())));
    }

    private static int compareNumbers(@Nullable Object left, @Nullable Object right) {
        if (left instanceof Double || right instanceof Double) {
            double first = real(left);
            double second = real(right);
            return first < second ? -1 : first == second ? 0 : 1;
        }
        return whole(left).compareTo(whole(right));
    }

    /** Below, at or above 0; only numbers, texts and lists have an order. */
    static int compare(@Nullable Object left, @Nullable Object right) {
        if (number(left) && number(right)) {
            return compareNumbers(left, right);
        }
        if (left instanceof String first && right instanceof String second) {
            return Text.compare(first, second);
        }
        if (left instanceof List<?> first && right instanceof List<?> second
                && first instanceof Tuple == second instanceof Tuple) {
            for (int index = 0; index < Math.min(first.size(), second.size()); index++) {
                if (!equal(first.get(index), second.get(index))) {
                    return compare(first.get(index), second.get(index));
                }
            }
            return Integer.compare(first.size(), second.size());
        }
        throw either(left, right, type(left) + " and " + type(right) + " have no order");
    }

    static boolean contains(@Nullable Object container, @Nullable Object element) {
        return switch (container) {
            case String text when element instanceof String part -> text.contains(part);
            case String text -> throw TemplateException.failed("only text can be in a text, not " + type(element));
            case Map<?, ?> map -> map.containsKey(key(element));
            case null, default -> elements(container).stream().anyMatch(one -> equal(one, element));
        };
    }

    /** What a map is asked for. */
    static @Nullable Object key(@Nullable Object value) {
        if (value instanceof Map || (value instanceof List && !(value instanceof Tuple))) {
            throw TemplateException.failed(type(value) + " cannot be a key");
        }
        return value;
    }

    /** The elements of what can be walked over: of a map, its keys. */
    static List<@Nullable Object> elements(@Nullable Object value) {
        return switch (value) {
            case List<?> list -> new ArrayList<>(list);
            case Map<?, ?> map -> new ArrayList<>(map.keySet());
            case String text -> new ArrayList<>(
                    text.codePoints().mapToObj(Character::toString).toList());
            case Undefined undefined -> List.of();
            case Generated generated -> generated.take();
            case null, default -> throw TemplateException.failed(type(value) + " cannot be walked over");
        };
    }

    static long length(@Nullable Object value) {
        return switch (value) {
            case String text -> Text.length(text);
            case List<?> list -> list.size();
            case Map<?, ?> map -> map.size();
            case Undefined undefined -> 0;
            case null, default -> throw TemplateException.failed(type(value) + " has no length");
        };
    }

    static String text(@Nullable Object value) {
        return switch (value) {
            case String text -> text;
            case Undefined undefined -> "";
            case null, default -> written(value, 0);
        };
    }

    /** As Python's {@code repr}. */
    static String written(@Nullable Object value, int depth) {
        if (depth > MAX_DEPTH) {
            throw TemplateException.limit("the values are nested more than " + MAX_DEPTH + " deep");
        }
        return switch (value) {
            case null -> "None";
            case Boolean flag -> flag ? "True" : "False";
            case Double number -> Text.number(number);
            case String text -> Text.quoted(text);
            case Tuple tuple -> sequence(tuple, depth, "(", tuple.size() == 1 ? ",)" : ")");
            case List<?> list -> sequence(list, depth, "[", "]");
            case Map<?, ?> map -> {
                StringBuilder out = new StringBuilder("{");
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(out.length() > 1 ? ", " : "")
                        .append(written(entry.getKey(), depth + 1))
                        .append(": ")
                        .append(written(entry.getValue(), depth + 1));
                    Text.checked(out.length());
                }
                yield out.append('}').toString();
            }
            case Undefined undefined -> "Undefined";
            case Long number -> number.toString();
            case BigInteger number -> number.toString();
            default -> "<" + type(value) + ">";
        };
    }

    private static String sequence(List<?> list, int depth, String open, String close) {
        StringBuilder out = new StringBuilder(open);
        for (Iterator<?> elements = list.iterator(); elements.hasNext();) {
            out.append(written(elements.next(), depth + 1)).append(elements.hasNext() ? ", " : "");
            Text.checked(out.length());
        }
        return out.append(close).toString();
    }

    static double real(@Nullable Object value) {
        return switch (value) {
            case Double number -> number;
            case Long number -> number;
            case BigInteger number -> number.doubleValue();
            case Boolean flag -> flag ? 1 : 0;
            case null, default -> throw TemplateException.failed("a number is expected, not " + type(value));
        };
    }

    private static BigInteger whole(@Nullable Object value) {
        return switch (value) {
            case Long number -> BigInteger.valueOf(number);
            case BigInteger number -> number;
            case Boolean flag -> flag ? BigInteger.ONE : BigInteger.ZERO;
            case null, default -> throw TemplateException.failed("an integer is expected, not " + type(value));
        };
    }

    static int integer(@Nullable Object value) {
        BigInteger whole = whole(value);
        return whole.bitLength() < Integer.SIZE
                ? whole.intValue()
                : whole.signum() < 0 ? Integer.MIN_VALUE : Integer.MAX_VALUE;
    }

    static @Nullable Object arithmetic(String operator, @Nullable Object left, @Nullable Object right) {
        if (number(left) && number(right)) {
            return left instanceof Double || right instanceof Double || operator.equals("/")
                    ? (Object) realArithmetic(operator, real(left), real(right))
                    : wholeArithmetic(operator, whole(left), whole(right));
        }
        if (operator.equals("+")) {
            if (left instanceof String first && right instanceof String second) {
                Text.checked((long) first.length() + second.length());
                return first + second;
            }
            if (left instanceof List<?> first && right instanceof List<?> second
                    && first instanceof Tuple == second instanceof Tuple) {
                List<@Nullable Object> both = new ArrayList<>(first);
                both.addAll(second);
                checkElements(both.size());
                return first instanceof Tuple ? new Tuple(both) : both;
            }
        } else if (operator.equals("*")) {
            if (left instanceof Long count && (right instanceof String || right instanceof List)) {
                return repeated(right, count);
            }
            if (right instanceof Long count && (left instanceof String || left instanceof List)) {
                return repeated(left, count);
            }
        } else if (operator.equals("%") && left instanceof String format) {
            return PythonFormat.percent(format, right);
        }
        throw either(left, right, "'" + operator + "' does not work with " + type(left) + " and " + type(right));
    }

    private static TemplateException either(@Nullable Object left, @Nullable Object right, String otherwise) {
        if (left instanceof Undefined undefined) {
            return undefined.failure();
        }
        return right instanceof Undefined undefined ? undefined.failure() : TemplateException.failed(otherwise);
    }

    private static Object repeated(@Nullable Object value, long count) {
        int times = Math.clamp(count, 0, Integer.MAX_VALUE);
        if (value instanceof String text) {
            Text.checked((long) text.length() * times);
            return text.repeat(times);
        }
        List<@Nullable Object> list = elements(value);
        checkElements((long) list.size() * times);
        List<@Nullable Object> all = new ArrayList<>();
        for (int time = 0; time < times && !list.isEmpty(); time++) {
            all.addAll(list);
        }
        return value instanceof Tuple ? new Tuple(all) : all;
    }

    static void checkElements(long count) {
        if (count > MAX_ELEMENTS) {
            throw TemplateException.limit("a list has more than " + MAX_ELEMENTS + " elements");
        }
    }

    private static double realArithmetic(String operator, double left, double right) {
        if (right == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
            throw TemplateException.failed("division by zero");
        }
        return switch (operator) {
            case "+" -> left + right;
            case "-" -> left - right;
            case "*" -> left * right;
            case "/" -> left / right;
            case "//" -> Math.floor(left / right);
            case "%" -> left - right * Math.floor(left / right);
            case "**" -> Math.pow(left, right);
            default -> throw new AssertionError(operator);
        };
    }

    private static Object wholeArithmetic(String operator, BigInteger left, BigInteger right) {
        if (right.signum() == 0 && (operator.equals("//") || operator.equals("%"))) {
            throw TemplateException.failed("division by zero");
        }
        BigInteger result = switch (operator) {
            case "+" -> left.add(right);
            case "-" -> left.subtract(right);
            case "*" -> left.multiply(right);
            case "//" -> floor(left, right);
            case "%" -> left.subtract(right.multiply(floor(left, right)));
            case "**" -> {
                if (right.signum() < 0) {
                    yield null;
                }
                if (right.bitLength() > 10 || (long) left.bitLength() * right.intValue() > 4096) {
                    throw TemplateException.limit("a number becomes too large");
                }
                yield left.pow(right.intValue());
            }
            default -> throw new AssertionError(operator);
        };
        if (result == null) {
            return Math.pow(left.doubleValue(), right.doubleValue());
        }
        if (result.bitLength() > 4096) {
            throw TemplateException.limit("a number becomes too large");
        }
        return integer(result);
    }

    private static BigInteger floor(BigInteger left, BigInteger right) {
        BigInteger[] parts = left.divideAndRemainder(right);
        return parts[1].signum() != 0 && parts[1].signum() != right.signum()
                ? parts[0].subtract(BigInteger.ONE)
                : parts[0];
    }

    static Object negative(@Nullable Object value, boolean negate) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (value instanceof Double number) {
            return negate ? -number : number;
        }
        BigInteger whole = whole(value);
        return integer(negate ? whole.negate() : whole);
    }

    /** A number rounded half to even, as Python rounds. */
    static double rounded(double value, int digits) {
        return Double.isFinite(value)
                ? new BigDecimal(value).setScale(digits, java.math.RoundingMode.HALF_EVEN).doubleValue()
                : value;
    }
}

package dev.d3s.server.request;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * One JSON object of a request while it is read: hands out its members with defaults, writes what holds in the end into
 * {@link #expanded}, and notes every mistake with its path instead of stopping at the first. A mistaken member reads as its
 * default. Used by one thread.
 */
public final class Section {
    private final String path;
    private final ObjectNode given;
    private final ObjectNode expanded;
    private final List<Mistake> mistakes;
    private final boolean automatic;
    private final Set<String> known = new LinkedHashSet<>();

    private Section(String path, ObjectNode given, ObjectNode expanded, List<Mistake> mistakes, boolean automatic) {
        this.path = path;
        this.given = given;
        this.expanded = expanded;
        this.mistakes = mistakes;
        this.automatic = automatic;
    }

    public static Section root(ObjectNode given) {
        return new Section("", given, JsonNodeFactory.instance.objectNode(), new ArrayList<>(), false);
    }

    /** Everything noted so far, in this section and in all others of the request. */
    public List<Mistake> mistakes() {
        return mistakes;
    }

    /** What holds: given members and defaults. */
    public ObjectNode expanded() {
        return expanded;
    }

    public String pathOf(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    public void mistake(String name, String code, String message) {
        if (mistakes.size() <= InvalidRequestException.MOST_SHOWN) {
            mistakes.add(new Mistake(pathOf(name), code, message));
        }
    }

    /** Declares a member and returns what the request says; {@code null} when absent or JSON null. */
    public @Nullable JsonNode given(String name) {
        known.add(name);
        JsonNode value = given.get(name);
        if (value == null || value.isNull() || (automatic && value.isTextual() && value.textValue().equals("auto"))) {
            return null;
        }
        return value;
    }

    /** An object member; an empty object when absent. It becomes part of {@link #expanded}. */
    public Section section(String name) {
        return section(name, false);
    }

    /** @param automaticAllowed whether {@code "auto"} stands for a member's default */
    public Section section(String name, boolean automaticAllowed) {
        JsonNode value = given(name);
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        if (value instanceof ObjectNode node) {
            object = node;
        } else if (value != null) {
            mistake(name, "invalid_type", "'" + pathOf(name) + "' must be an object, not " + shown(value) + ".");
        }
        return new Section(pathOf(name), object, expanded.putObject(name), mistakes, automaticAllowed);
    }

    public @Nullable String text(String name) {
        JsonNode value = given(name);
        if (value == null) {
            return null;
        }
        if (!value.isTextual()) {
            mistake(name, "invalid_type", "'" + pathOf(name) + "' must be a string, not " + shown(value) + ".");
            return null;
        }
        expanded.put(name, value.textValue());
        return value.textValue();
    }

    /** A string that must be there; empty after a mistake. */
    public String requiredText(String name, String meaning) {
        JsonNode value = given(name);
        if (value == null || (value.isTextual() && value.textValue().isBlank())) {
            mistake(name, "missing_required_parameter", "'" + pathOf(name) + "' is required: " + meaning + ".");
            return "";
        }
        String text = text(name);
        return text == null ? "" : text;
    }

    public int whole(String name, int defaultValue, int minimum, int maximum) {
        return (int) whole(name, (long) defaultValue, minimum, maximum);
    }

    public long whole(String name, long defaultValue, long minimum, long maximum) {
        JsonNode value = given(name);
        long result = defaultValue;
        if (value != null) {
            if (!value.isNumber() || value.doubleValue() != Math.rint(value.doubleValue())
                    || !value.canConvertToLong()) {
                mistake(name, "invalid_type",
                        "'" + pathOf(name) + "' must be a whole number from " + minimum + " to " + maximum + ", not "
                                + shown(value) + ".");
            } else if (value.longValue() < minimum || value.longValue() > maximum) {
                mistake(name, "invalid_value",
                        "'" + pathOf(name) + "' is " + value.longValue() + " but must be from " + minimum + " to "
                                + maximum + ".");
            } else {
                result = value.longValue();
            }
        }
        expanded.put(name, result);
        return result;
    }

    /** Whether a member is absent, null, or has nothing in it. */
    public boolean empty(String name) {
        JsonNode value = given(name);
        return value == null || (value.isContainerNode() && value.isEmpty());
    }

    /** Distinct whole numbers, rising; {@code null} when absent, which is not yet written to {@link #expanded}. */
    public @Nullable List<Integer> wholes(String name, int minimum, int maximum) {
        JsonNode value = given(name);
        if (value == null) {
            return null;
        }
        TreeSet<Integer> numbers = new TreeSet<>();
        boolean right = value.isArray();
        for (JsonNode each : value) {
            right &= each.isIntegralNumber() && each.canConvertToInt() && each.intValue() >= minimum
                    && each.intValue() <= maximum;
            numbers.add(each.intValue());
        }
        if (!right) {
            mistake(name, value.isArray() ? "invalid_value" : "invalid_type",
                    "'" + pathOf(name) + "' must be a list of whole numbers from " + minimum + " to " + maximum
                            + ", not " + shown(value) + ".");
            return List.of();
        }
        return List.copyOf(numbers);
    }

    public double real(String name, double defaultValue, Range range) {
        JsonNode value = given(name);
        double result = value == null ? defaultValue : real(name, value, defaultValue, range);
        expanded.put(name, result);
        return result;
    }

    /** Checks a number without writing it to {@link #expanded}. */
    public double real(String name, JsonNode value, double defaultValue, Range range) {
        if (!value.isNumber()) {
            mistake(name, "invalid_type",
                    "'" + pathOf(name) + "' must be a number " + range + ", not " + shown(value) + ".");
            return defaultValue;
        }
        if (!range.contains(value.doubleValue())) {
            mistake(name, "invalid_value",
                    "'" + pathOf(name) + "' is " + value.asText() + " but must be a number " + range + ".");
            return defaultValue;
        }
        return value.doubleValue();
    }

    public boolean flag(String name, boolean defaultValue) {
        JsonNode value = given(name);
        boolean result = defaultValue;
        if (value != null) {
            if (value.isBoolean()) {
                result = value.booleanValue();
            } else {
                mistake(name, "invalid_type",
                        "'" + pathOf(name) + "' must be true or false, not " + shown(value) + ".");
            }
        }
        expanded.put(name, result);
        return result;
    }

    public <E extends Enum<E>> E choice(String name, E defaultValue) {
        JsonNode value = given(name);
        E result = defaultValue;
        if (value != null) {
            List<String> words = new ArrayList<>();
            boolean found = false;
            for (E constant : defaultValue.getDeclaringClass().getEnumConstants()) {
                String word = word(constant);
                words.add(word);
                if (value.isTextual() && value.textValue().equals(word)) {
                    result = constant;
                    found = true;
                }
            }
            if (!found) {
                mistake(name, "invalid_value", "'" + pathOf(name) + "' must be one of " + String.join(", ", words)
                        + ", not " + shown(value) + ".");
            }
        }
        expanded.put(name, word(result));
        return result;
    }

    /** Notes every member that nobody asked for. */
    public void finish() {
        given.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name) && mistakes.size() <= InvalidRequestException.MOST_SHOWN) {
                mistake(name, "unknown_parameter", "Unknown member '" + name + "'"
                        + (path.isEmpty() ? "" : " in '" + path + "'") + "; known members: " + String.join(", ", known)
                        + ".");
            }
        });
    }

    public static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    public static String shown(JsonNode value) {
        String text = value.toString();
        return text.length() <= 60 ? text : text.substring(0, 57) + "...";
    }

    /** The numbers a member may be. */
    public record Range(double minimum, boolean exclusiveMinimum, double maximum) {
        public static Range above(double minimum) {
            return new Range(minimum, true, Double.MAX_VALUE);
        }

        public static Range above(double minimum, double maximum) {
            return new Range(minimum, true, maximum);
        }

        public static Range from(double minimum, double maximum) {
            return new Range(minimum, false, maximum);
        }

        public static Range from(double minimum) {
            return from(minimum, Double.MAX_VALUE);
        }

        boolean contains(double value) {
            return (exclusiveMinimum ? value > minimum : value >= minimum) && value <= maximum;
        }

        @Override
        public String toString() {
            return (exclusiveMinimum ? "above " : "from ") + number(minimum)
                    + (maximum == Double.MAX_VALUE ? (exclusiveMinimum ? "" : " up") : " to " + number(maximum));
        }

        private static String number(double value) {
            return value == Math.rint(value) && Math.abs(value) < 1e15
                    ? Long.toString((long) value)
                    : Double.toString(value);
        }
    }
}

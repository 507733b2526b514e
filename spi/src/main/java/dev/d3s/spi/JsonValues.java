package dev.d3s.spi;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/** JSON as plain values: strings, Long, Double, Boolean, lists, and maps in the order of their members. */
final class JsonValues {
    private JsonValues() {}

    /** Whether the value has one of these JSON types; of any, when none is named. */
    static boolean isOne(Object value, List<String> types) {
        boolean whole = value instanceof Number number && number.doubleValue() == Math.rint(number.doubleValue());
        return types.isEmpty() || types.contains(type(value)) || (whole && types.contains("integer"));
    }

    private static String type(Object value) {
        return switch (value) {
            case Map<?, ?> members -> "object";
            case List<?> elements -> "array";
            case Number number -> "number";
            case Boolean flag -> "boolean";
            default -> "string";
        };
    }

    /** A copy that nobody can change, with whole numbers as Long and others as Double. */
    static @Nullable Object copy(@Nullable Object value) {
        return switch (value) {
            case null -> null;
            case Map<?, ?> members -> copy(members);
            case List<?> elements -> copy(elements);
            case Byte whole -> whole.longValue();
            case Short whole -> whole.longValue();
            case Integer whole -> whole.longValue();
            case Long whole -> whole;
            case Number real -> real.doubleValue();
            case Boolean flag -> flag;
            default -> value.toString();
        };
    }

    private static Map<String, @Nullable Object> copy(Map<?, ?> members) {
        Map<String, @Nullable Object> copy = new LinkedHashMap<>();
        members.forEach((name, member) -> copy.put(String.valueOf(name), copy((Object) member)));
        return Collections.unmodifiableMap(copy);
    }

    private static List<@Nullable Object> copy(List<?> elements) {
        List<@Nullable Object> copy = new ArrayList<>();
        elements.forEach(element -> copy.add(copy((Object) element)));
        return Collections.unmodifiableList(copy);
    }
}

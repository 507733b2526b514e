package dev.d3s.natives;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

import org.jspecify.annotations.Nullable;

/**
 * Finds, among names of settings in which {@code *} stands for a segment, those that a name may match: whatever is before the
 * segment of the first star, or of an index in brackets, is the same in both. SmallRye Config compares a name that
 * is not set with each of them. Immutable.
 */
public final class WildcardIndex {
    private final Map<String, List<Map.Entry<String, String>>> byPrefix = new HashMap<>();
    private final List<Map.Entry<String, String>> all;

    /** @param values by names that have a star */
    public WildcardIndex(Map<String, String> values) {
        all = List.copyOf(values.entrySet());
        for (Map.Entry<String, String> entry : all) {
            String wildcard = entry.getKey();
            int star = wildcard.indexOf('*');
            int bracket = wildcard.indexOf('[');
            int free = bracket < 0 ? star : Math.min(star, bracket);
            byPrefix.computeIfAbsent(wildcard.substring(0, wildcard.lastIndexOf('.', free) + 1),
                    prefix -> new ArrayList<>())
                .add(entry);
        }
    }

    /**
     * The value of the wildcard that a name matches, the most specific first; null where there is none.
     *
     * @param matches whether a wildcard, which comes first, and a name match
     */
    public @Nullable String find(String name, BiPredicate<String, String> matches) {
        if (name.indexOf('*') >= 0) {
            return first(all, name, matches);
        }
        for (int dot = name.lastIndexOf('.'); dot >= 0; dot = name.lastIndexOf('.', dot - 1)) {
            String found = first(byPrefix.get(name.substring(0, dot + 1)), name, matches);
            if (found != null) {
                return found;
            }
        }
        return first(byPrefix.get(""), name, matches);
    }

    private static @Nullable String first(@Nullable List<Map.Entry<String, String>> wildcards, String name,
            BiPredicate<String, String> matches) {
        if (wildcards == null) {
            return null;
        }
        for (Map.Entry<String, String> wildcard : wildcards) {
            if (matches.test(wildcard.getKey(), name)) {
                return wildcard.getValue();
            }
        }
        return null;
    }
}

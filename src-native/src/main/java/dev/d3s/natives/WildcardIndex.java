package dev.d3s.natives;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

import org.jspecify.annotations.Nullable;

/**
 * Finds, among names of settings in which {@code *} stands for a segment, those that a name may match: whatever is before the
 * segment of the first star, or of an index in brackets, is the same in both, and so is what is behind the last star, where a
 * bracket may stand for other numbers.
 * SmallRye Config compares a name that is not set with each of them. Looking up allocates nothing: thousands of lookups are a
 * good part of what the start of a server leaves to be collected. Immutable.
 */
public final class WildcardIndex {
    /** Wildcards that have the same before the first segment that is not fixed. */
    private record Group(String prefix, List<Wildcard> wildcards) {}

    /** @param end that a name has if it matches */
    private record Wildcard(String name, String end, String value) {
        static Wildcard of(String name, String value) {
            String behind = name.substring(name.lastIndexOf('*') + 1);
            return new Wildcard(name, behind.endsWith("]") ? "]" : behind.substring(behind.lastIndexOf(']') + 1),
                    value);
        }
    }

    private final List<Wildcard> all = new ArrayList<>();
    /** By the length of the prefix. */
    private final Group[][] groups;

    /** @param values by names that have a star */
    public WildcardIndex(Map<String, String> values) {
        Map<String, Group> byPrefix = new LinkedHashMap<>();
        int longest = 0;
        for (Map.Entry<String, String> entry : values.entrySet()) {
            String name = entry.getKey();
            int star = name.indexOf('*');
            int bracket = name.indexOf('[');
            int free = bracket < 0 ? star : Math.min(star, bracket);
            Wildcard wildcard = Wildcard.of(name, entry.getValue());
            String prefix = name.substring(0, name.lastIndexOf('.', free) + 1);
            byPrefix.computeIfAbsent(prefix, fixed -> new Group(fixed, new ArrayList<>()))
                .wildcards()
                .add(wildcard);
            all.add(wildcard);
            longest = Math.max(longest, prefix.length());
        }
        groups = new Group[longest + 1][];
        for (int length = 0; length <= longest; length++) {
            int wanted = length;
            groups[length] = byPrefix.values()
                .stream()
                .filter(group -> group.prefix().length() == wanted)
                .toArray(Group[]::new);
        }
    }

    /**
     * The value of the wildcard that a name matches, the most specific first; null where there is none.
     *
     * @param matches whether a wildcard, which comes first, and a name match
     */
    public @Nullable String find(String name, BiPredicate<String, String> matches) {
        if (name.isEmpty()) {
            return null;
        }
        if (name.indexOf('*') >= 0) {
            for (Wildcard wildcard : all) {
                if (matches.test(wildcard.name(), name)) {
                    return wildcard.value();
                }
            }
            return null;
        }
        for (int dot = name.lastIndexOf('.'); dot >= 0; dot = name.lastIndexOf('.', dot - 1)) {
            String found = behind(dot + 1, name, matches);
            if (found != null) {
                return found;
            }
        }
        return behind(0, name, matches);
    }

    private @Nullable String behind(int length, String name, BiPredicate<String, String> matches) {
        if (length >= groups.length) {
            return null;
        }
        for (Group group : groups[length]) {
            if (name.startsWith(group.prefix())) {
                List<Wildcard> wildcards = group.wildcards();
                for (int i = 0; i < wildcards.size(); i++) {
                    Wildcard wildcard = wildcards.get(i);
                    if (name.endsWith(wildcard.end()) && matches.test(wildcard.name(), name)) {
                        return wildcard.value();
                    }
                }
            }
        }
        return null;
    }
}

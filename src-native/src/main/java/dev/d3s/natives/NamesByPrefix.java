package dev.d3s.natives;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Names of settings in order, so that those that begin alike are found without looking at the others. Immutable. */
public final class NamesByPrefix {
    private final String[] names;

    /** @param names in any order */
    public NamesByPrefix(Iterable<String> names) {
        List<String> all = new ArrayList<>();
        names.forEach(all::add);
        this.names = all.toArray(String[]::new);
        Arrays.sort(this.names);
    }

    /** Those that begin with something, in order. */
    public List<String> startingWith(String prefix) {
        int at = Arrays.binarySearch(names, prefix);
        int first = at < 0 ? -at - 1 : at;
        int end = first;
        while (end < names.length && names[end].startsWith(prefix)) {
            end++;
        }
        return Arrays.asList(names).subList(first, end);
    }
}

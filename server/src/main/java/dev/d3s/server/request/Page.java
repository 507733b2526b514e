package dev.d3s.server.request;

import java.util.List;

/**
 * A page of a list.
 *
 * @param hasMore whether there is something after the last element
 */
public record Page<T>(List<T> elements, boolean hasMore) {
    public Page {
        elements = List.copyOf(elements);
    }

    /** @param elements up to one more than the limit */
    public static <T> Page<T> of(List<T> elements, int limit) {
        return elements.size() > limit ? new Page<>(elements.subList(0, limit), true) : new Page<>(elements, false);
    }
}

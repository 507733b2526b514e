package dev.d3s.server.model;

/**
 * Predicted memory of one thing, for people to read and for sums.
 *
 * @param name e.g. {@code "optimizer moments"}
 * @param bytes not negative
 */
public record MemoryUse(String name, long bytes) {
    public MemoryUse {
        if (bytes < 0) {
            throw new IllegalArgumentException(name + " cannot have " + bytes + " bytes");
        }
    }

    /** All together. */
    public static long total(Iterable<MemoryUse> uses) {
        long total = 0;
        for (MemoryUse use : uses) {
            total += use.bytes();
        }
        return total;
    }
}

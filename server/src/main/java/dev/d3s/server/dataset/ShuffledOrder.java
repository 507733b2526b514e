package dev.d3s.server.dataset;

/**
 * The order in which rows are visited: an endless sequence of epochs, each of which visits every row once in an order of its own. A pure function of (seed,
 * position): nothing to store, nothing to restore, no list of indices.
 *
 * <p>The order of an epoch is a Feistel network over the smallest even number of bits that holds the row count, keyed by seed and epoch; numbers beyond the row
 * count are sent through again until they fall inside (cycle walking), which keeps it a permutation.
 *
 * @param seed of the order
 * @param size number of rows, at least 1
 */
record ShuffledOrder(long seed, int size) {
    private static final int ROUNDS = 4;

    /** Row at a position, both from 0. */
    int rowAt(long position) {
        long epoch = position / size;
        long key = mix(seed + mix(epoch));
        int halfBits = Math.max(1, (33 - Integer.numberOfLeadingZeros(size - 1)) / 2);
        long value = position % size;
        do {
            value = permuted(value, halfBits, key);
        } while (value >= size);
        return (int) value;
    }

    private static long permuted(long value, int halfBits, long key) {
        long mask = (1L << halfBits) - 1;
        long left = value >>> halfBits;
        long right = value & mask;
        for (int round = 0; round < ROUNDS; round++) {
            long next = left ^ (mix(key + right * 0x9E3779B97F4A7C15L + round) & mask);
            left = right;
            right = next;
        }
        return (left << halfBits) | right;
    }

    /** A bijection of 64 bits in which every input bit moves every output bit (the finalizer of SplitMix64). */
    static long mix(long value) {
        long mixed = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
        return mixed ^ (mixed >>> 31);
    }
}

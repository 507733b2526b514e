package dev.d3s.plugins.d3s;

/** Random numbers as a pure function of (seed, number): no state, so nothing depends on the order of questions. */
public final class SeededRandom {
    private SeededRandom() {}

    /** 64 bits for {@code number}; distinct numbers get distinct bits. SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
    public static long bits(long seed, long number) {
        long z = scatter(seed) + (number + 1) * 0x9E3779B97F4A7C15L;
        return scatter(z);
    }

    private static long scatter(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}

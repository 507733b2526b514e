package dev.d3s.server.selection;

/** Seeds of selections: functions of (job seed, step, level) alone, so that a resumed job selects the same. */
final class SelectionSeed {
    /** Distinguishes the random choices of one step. */
    enum Level {
        ROLLOUTS(0x9E3779B97F4A7C15L), TOKENS(0x3C6EF372FE94F82AL), MINI_BATCHES(0xDAA66D2C7DDF743FL);

        private final long salt;

        Level(long salt) {
            this.salt = salt;
        }
    }

    private SelectionSeed() {}

    static long of(long jobSeed, int step, Level level) {
        return mix(mix(mix(jobSeed + 0xD1342543DE82EF95L) ^ step) + level.salt);
    }

    /** The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, variant 13): a bijection that scatters bits. */
    private static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}

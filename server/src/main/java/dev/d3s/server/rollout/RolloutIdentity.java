package dev.d3s.server.rollout;

/**
 * Names a rollout by what it is, never by where or when it ran: its randomness comes from (seed, identity, position)
 * alone, so results do not depend on batching, threads or retries.
 */
public final class RolloutIdentity {
    private RolloutIdentity() {}

    /** Identity of completion {@code index} of the prompt in data position {@code prompt} at a step. */
    public static long of(long step, long prompt, int index) {
        return mix(mix(mix(step + 0x9E3779B97F4A7C15L) ^ prompt) ^ (index + 0x632BE59BD9B4E019L));
    }

    /** The uniform number in [0, 1) for one position of one rollout, with 24 bits. */
    public static float uniform(long seed, long identity, int position) {
        return (mix(mix(seed ^ mix(identity)) + position * 0x9E3779B97F4A7C15L) >>> 40) * 0x1p-24f;
    }

    /** The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, variant 13): a bijection that scatters bits. */
    public static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}

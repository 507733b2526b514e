package dev.d3s.server.evaluation;

import java.util.List;

/**
 * How many completions of each prompt are sampled and what is estimated from them.
 *
 * @param n completions of each prompt; 0 for none
 * @param k of pass@k, rising, each at most n
 * @param passThreshold a completion passes when its reward is at least this
 */
public record SampledSettings(int n, List<Integer> k, double passThreshold) {
    /** No sampled completions. */
    public static final SampledSettings NONE = new SampledSettings(0, List.of(), 1);

    public SampledSettings {
        k = k.stream().sorted().distinct().toList();
        int most = n;
        if (n < 0 || k.stream().anyMatch(each -> each < 1 || each > most)) {
            throw new IllegalArgumentException("n " + n + ", k " + k);
        }
    }

    /** What k is when nobody says: one completion, and all of them. */
    public static List<Integer> defaultK(int n) {
        return n == 0 ? List.of() : n == 1 ? List.of(1) : List.of(1, n);
    }

    public boolean passes(double reward) {
        return reward >= passThreshold;
    }
}

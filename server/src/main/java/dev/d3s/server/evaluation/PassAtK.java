package dev.d3s.server.evaluation;

/**
 * The unbiased estimator of pass@k, the probability that at least one of k completions passes (Chen et al., "Evaluating Large
 * Language Models Trained on Code", arXiv 2107.03374, equation 1): of n completions c pass, and
 *
 * <pre>
 * 1 - C(n - c, k) / C(n, k)
 * </pre>
 *
 * is the share of all k-subsets of the n that contain one that passes. Taking k completions only, or 1 - (1 - c/n)^k, is
 * noisier or biased.
 */
public final class PassAtK {
    private PassAtK() {}

    /**
     * Computed as 1 - prod (n - c - j) / (n - j) for j below k, whose factors are all in [0, 1]: nothing overflows, and
     * nothing cancels but the last difference.
     *
     * @param n completions, at least 1
     * @param c how many of them pass, 0 to n
     * @param k 1 to n
     */
    public static double estimate(int n, int c, int k) {
        if (n < 1 || c < 0 || c > n || k < 1 || k > n) {
            throw new IllegalArgumentException("n " + n + ", c " + c + ", k " + k);
        }
        if (k > n - c) {
            return 1; // too few fail to fill a subset with them
        }
        // C(n - c, k) / C(n, k) is symmetric in c and k: the shorter product
        int factors = Math.min(c, k);
        int dropped = Math.max(c, k);
        double none = 1;
        for (int j = 0; j < factors; j++) {
            none *= (double) (n - dropped - j) / (n - j);
        }
        return 1 - none;
    }
}

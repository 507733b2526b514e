package dev.d3s.plugins.baselines;

/**
 * The law of a random cut: how likely it is that token t of a completion of T tokens is kept, t = 1 .. T, when the tokens
 * 1 .. L are kept.
 *
 * <p>
 * With keep ratio r and the share w of it that is spent on whole completions, a completion is kept whole with probability
 * q = w r, and otherwise cut at L = round(T U^g), at least 1, with U uniform in (0, 1). Since E[U^g] = 1 / (1 + g), the
 * expected share is r when q + (1 - q) / (1 + g) = r, that is g = (1 - r) / (r (1 - w)), and
 *
 * <pre>
 *   p_1 = 1        p_t = P(L &gt;= t) = 1 - (1 - q) ((t - 1/2) / T)^(1/g)        1/g = r (1 - w) / (1 - r)
 *   E[L] = sum of p_t, less than one token from r T (the midpoint rule, and at least one token)
 * </pre>
 *
 * <p>
 * p never rises with t and is never below q, so no weight 1 / p_t is above 1 / (w r). At r = 1 all is kept. With w = 0 and
 * r = 1/2 the cut is uniform, and the weight of the last token grows as 2 T.
 *
 * <p>
 * <b>The trade-off.</b> For terms x_t, 1 / p_t - 1 is the variance that each of them adds by itself, and since s &lt; t is
 * kept whenever t is, 2 (1 / p_s - 1) x_s x_t that of each pair. Of a thousand terms of size 1:
 *
 * <pre>
 *                        r = 0.2                       r = 0.5
 *   w                    0     0.25  0.5   0.75  1     0     0.25  0.5   0.75  1
 *   uncorrelated, / T    32.7  6.36  4.86  4.22  4.00  7.87  1.67  1.26  1.07  1.00
 *   equal terms, / T^2   5.08  3.86  3.63  3.66  3.99  1.00  0.82  0.81  0.86  1.00
 * </pre>
 *
 * <p>
 * w = 1, the whole completion or its first token, has the least variance there can be for uncorrelated terms, which those of
 * a policy gradient nearly are, but hardly trains on most completions and is worse for equal ones. A half is close to the
 * best of both. The law is ours.
 *
 * @param whole q, the least probability of any token
 * @param exponent 1/g
 */
record PrefixLaw(double whole, double exponent) {
    /**
     * @param keepRatio r, 0 &lt; r &lt;= 1
     * @param wholeShare w, 0 &lt;= w &lt;= 1
     */
    static PrefixLaw of(double keepRatio, double wholeShare) {
        return keepRatio >= 1
                ? new PrefixLaw(1, 0)
                : new PrefixLaw(wholeShare * keepRatio, keepRatio * (1 - wholeShare) / (1 - keepRatio));
    }

    /**
     * P(L &gt;= t).
     *
     * @param token t, from 1
     * @param length T
     */
    double kept(int token, int length) {
        return token == 1 ? 1 : 1 - (1 - whole) * Math.pow((token - 0.5) / length, exponent);
    }

    /**
     * L, by inversion: the number of tokens with p_t above a uniform number.
     *
     * @param length T
     * @param uniform 0 &lt;= u &lt; 1
     */
    int cut(int length, double uniform) {
        // the smallest t in 2 .. length + 1 that is not kept; p does not rise with t
        int low = 2;
        int high = length + 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (kept(middle, length) > uniform) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return Math.min(low - 1, length);
    }
}

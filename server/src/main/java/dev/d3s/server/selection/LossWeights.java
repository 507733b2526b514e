package dev.d3s.server.selection;

import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

/**
 * The factor w_{i,t} on each token's loss term, with which the step's loss is the plain sum of w_{i,t} * l_{i,t}: the
 * objective's denominators are those of the whole step, so micro-batches cannot change them.
 *
 * <p>
 * With h_{i,t} the selector's weight (1 unless it corrects a bias), m the mask of kept tokens, T_i the length of rollout
 * i's completion, k_i its kept tokens, K the rollouts that were selected and n those of them with a kept token:
 *
 * <pre>
 *                     denominator KEPT            denominator ALL
 *   ROLLOUT_MEAN      h m / (n * k_i)             h m / (K * T_i)
 *   TOKEN_MEAN        h m / sum_j k_j             h m / sum_j T_j
 * </pre>
 *
 * <p>
 * ROLLOUT_MEAN is GRPO's aggregation (arXiv 2402.03300, equation 3), TOKEN_MEAN DAPO's (arXiv 2503.14476, equation 8). The
 * D3S paper (arXiv 2509.22115) does not give the denominator after dropping tokens; both are offered. KEPT averages over
 * what is trained: a rollout that lost all its tokens is as if it had not been selected, so it is not counted either. ALL
 * leaves the denominators of the undropped loss, and is therefore the one under which Horvitz-Thompson weights make the
 * loss unbiased.
 *
 * @param weight {@code [K][T]}, ragged in T; 0 at dropped tokens
 * @param trained indices of the rows that have a kept token, ascending; the others drop out of the update
 */
public record LossWeights(float[][] weight, int[] trained) {
    /** How token terms become one number. */
    public enum Aggregation {
        /** Mean over the tokens of each rollout, then over rollouts: each rollout counts the same. */
        ROLLOUT_MEAN,
        /** Mean over all tokens of the step: each token counts the same. */
        TOKEN_MEAN
    }

    /** What the means divide by after tokens were dropped. */
    public enum Denominator {
        /** What is left. */
        KEPT,
        /** What there was. */
        ALL
    }

    /**
     * @param kept {@code [K][T]}, ragged in T
     * @param selectorWeight {@code [K][T]}, ragged in T, or {@code null} for 1 everywhere
     */
    public static LossWeights of(boolean[][] kept, float @Nullable [][] selectorWeight, Aggregation aggregation,
            Denominator denominator) {
        long[] counts = new long[kept.length];
        long keptTokens = 0;
        long allTokens = 0;
        for (int i = 0; i < kept.length; i++) {
            for (boolean token : kept[i]) {
                counts[i] += token ? 1 : 0;
            }
            keptTokens += counts[i];
            allTokens += kept[i].length;
        }
        int[] trained = IntStream.range(0, kept.length).filter(i -> counts[i] > 0).toArray();
        float[][] weight = new float[kept.length][];
        for (int i = 0; i < kept.length; i++) {
            double divisor = switch (aggregation) {
                case ROLLOUT_MEAN -> switch (denominator) {
                    case KEPT -> (double) trained.length * counts[i];
                    case ALL -> (double) kept.length * kept[i].length;
                };
                case TOKEN_MEAN -> switch (denominator) {
                    case KEPT -> keptTokens;
                    case ALL -> allTokens;
                };
            };
            weight[i] = new float[kept[i].length];
            for (int t = 0; t < kept[i].length; t++) {
                if (kept[i][t]) {
                    weight[i][t] = (float) ((selectorWeight == null ? 1 : selectorWeight[i][t]) / divisor);
                }
            }
        }
        return new LossWeights(weight, trained);
    }
}

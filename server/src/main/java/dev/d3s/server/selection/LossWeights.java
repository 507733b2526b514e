package dev.d3s.server.selection;

import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

/**
 * The factor w_{i,t} on each token's loss term, with which the loss of one update is the plain sum of w_{i,t} * l_{i,t}: the
 * denominators are those of the whole update, so micro-batches cannot change them.
 *
 * <p>
 * With m the mask of kept tokens, h_{i,t} the selector's weight (1 unless it corrects a bias), H_i = sum_t h m the weight
 * that rollout i kept, T_i the length of its completion, K the rollouts that were selected, n those of them with a kept
 * token, and L the job's max_tokens:
 *
 * <pre>
 *                     denominator KEPT            denominator ALL
 *   RolloutMean       h m / (n * H_i)             h m / (K * T_i)
 *   TokenMean         h m / sum_j H_j             h m / sum_j T_j
 *   FixedLength                     h m / (K * L)
 * </pre>
 *
 * <p>
 * RolloutMean is GRPO's aggregation (arXiv 2402.03300, equation 3), TokenMean DAPO's (arXiv 2503.14476, equation 8) and
 * FixedLength Dr. GRPO's (arXiv 2503.20783, section 3.2). The D3S paper (arXiv 2509.22115) does not give the denominator
 * after dropping tokens; both are offered [ours]. KEPT averages over what is trained: a rollout that lost all its tokens is
 * as if it had not been selected, so it is not counted either. ALL leaves the denominators of the undropped loss.
 *
 * <p>
 * Horvitz-Thompson weights, h = 1 / (probability of being kept), make the sum over kept tokens an unbiased estimate of the
 * sum over all of them (Horvitz and Thompson 1952). Divided by what there was (ALL, FixedLength) the loss stays unbiased.
 * KEPT divides by H, which estimates how many tokens there were: the self-normalised estimate (Hajek 1971), slightly
 * biased, and the same when all weights are multiplied by the same factor.
 *
 * @param weight {@code [K][T]}, ragged in T; 0 at dropped tokens
 * @param trained indices of the rows that have a kept token, ascending; the others drop out of the update
 */
public record LossWeights(float[][] weight, int[] trained) {
    /** How token terms become one number. */
    public sealed interface Aggregation {
        /** Mean over the tokens of each rollout, then over rollouts: each rollout counts the same. */
        record RolloutMean(Denominator denominator) implements Aggregation {}

        /** Mean over all tokens: each token counts the same. */
        record TokenMean(Denominator denominator) implements Aggregation {}

        /**
         * Sum over rollouts times the longest possible completion: a constant, so that neither a completion's length nor
         * what was dropped of it scales its terms.
         *
         * @param maxTokens L, at least 1
         */
        record FixedLength(int maxTokens) implements Aggregation {}
    }

    /** What the means divide by after tokens were dropped. */
    public enum Denominator {
        /** What is left, in the selector's weights. */
        KEPT,
        /** What there was. */
        ALL
    }

    /**
     * @param kept {@code [K][T]}, ragged in T
     * @param selectorWeight {@code [K][T]}, ragged in T, positive at kept tokens; {@code null} for 1 everywhere
     */
    public static LossWeights of(boolean[][] kept, float @Nullable [][] selectorWeight, Aggregation aggregation) {
        double[] keptWeight = new double[kept.length];
        double allKeptWeight = 0;
        long allTokens = 0;
        for (int i = 0; i < kept.length; i++) {
            for (int t = 0; t < kept[i].length; t++) {
                if (kept[i][t]) {
                    keptWeight[i] += weight(selectorWeight, i, t);
                }
            }
            allKeptWeight += keptWeight[i];
            allTokens += kept[i].length;
        }
        int[] trained = IntStream.range(0, kept.length).filter(i -> keptWeight[i] > 0).toArray();
        float[][] weight = new float[kept.length][];
        for (int i = 0; i < kept.length; i++) {
            double divisor = switch (aggregation) {
                case Aggregation.RolloutMean mean -> switch (mean.denominator) {
                    case KEPT -> trained.length * keptWeight[i];
                    case ALL -> (double) kept.length * kept[i].length;
                };
                case Aggregation.TokenMean mean -> switch (mean.denominator) {
                    case KEPT -> allKeptWeight;
                    case ALL -> allTokens;
                };
                case Aggregation.FixedLength fixed -> (double) kept.length * fixed.maxTokens;
            };
            weight[i] = new float[kept[i].length];
            for (int t = 0; t < kept[i].length; t++) {
                if (kept[i][t]) {
                    weight[i][t] = (float) (weight(selectorWeight, i, t) / divisor);
                }
            }
        }
        return new LossWeights(weight, trained);
    }

    private static double weight(float @Nullable [][] selectorWeight, int i, int t) {
        return selectorWeight == null ? 1 : selectorWeight[i][t];
    }
}

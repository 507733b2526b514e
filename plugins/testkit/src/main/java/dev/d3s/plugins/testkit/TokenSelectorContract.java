package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/**
 * What a {@link TokenSelector} promises, checked over batches of every shape that a job can make: ragged lengths, one token,
 * one rollout, equal entropies, entropies and advantages of 0. Its author's test is
 *
 * <pre>{@code
 * class MySelectorTest extends TokenSelectorContract {
 *     @Override
 *     protected TokenSelectorFactory factory() {
 *         return new MySelectorFactory();
 *     }
 * }
 * }</pre>
 */
public abstract class TokenSelectorContract
        extends
            SelectorContract<TokenSelector, TokenSelectorFactory, TokenBatch, TokenSelection> {
    private final List<Call<TokenBatch>> calls = TokenCalls.all();

    /**
     * The most tokens that the selector keeps of a batch, for one that promises a number; the default promises nothing.
     *
     * @param batch the completions of the kept rollouts
     * @param keepRatio share of the tokens to keep
     */
    protected int keepsAtMost(TokenBatch batch, double keepRatio) {
        return batch.tokenCount();
    }

    @Test
    @DisplayName("A token selector returns one row for each rollout, as long as its completion")
    final void shouldReturnARowForEachRollout() {
        forEachAnswer((title, answered) -> {
            TokenBatch batch = answered.call().batch();
            boolean[] @Nullable [] kept = answered.answer().kept();
            if (kept.length != batch.size()) {
                fail(title + "it returned " + kept.length + " rows for " + batch.size()
                        + " rollouts: return one row for each, also for one that keeps no token.");
            }
            for (int i = 0; i < kept.length; i++) {
                boolean @Nullable [] row = kept[i];
                int length = batch.entropy()[i].length;
                if (row == null || row.length != length) {
                    fail(title + "row " + i + " has " + (row == null ? "no" : row.length)
                            + " flags for a completion of "
                            + length + " tokens: return new boolean[batch.entropy()[i].length].");
                }
            }
        });
    }

    @Test
    @DisplayName("A token selector keeps at least one token")
    final void shouldKeepAtLeastOneToken() {
        forEachAnswer((title, answered) -> {
            if (count(answered.answer()) == 0) {
                fail(title
                        + "it kept no token: keep at least one, also of a tiny share and where all tokens are equal.");
            }
        });
    }

    @Test
    @DisplayName("A token selector that gives weights gives a finite, positive one for each token that it keeps")
    final void shouldGiveAPositiveWeightForEachKeptToken() {
        forEachAnswer((title, answered) -> {
            TokenBatch batch = answered.call().batch();
            boolean[] @Nullable [] kept = answered.answer().kept();
            float @Nullable [] @Nullable [] weights = answered.answer().weight();
            if (weights == null) {
                return;
            }
            if (weights.length != batch.size()) {
                fail(title + "it returned weights of " + weights.length + " rows for " + batch.size()
                        + " rollouts: return one row for each, or null.");
            }
            for (int i = 0; i < weights.length; i++) {
                float @Nullable [] row = weights[i];
                int length = batch.entropy()[i].length;
                if (row == null || row.length != length) {
                    fail(title + "row " + i + " has " + (row == null ? "no" : row.length)
                            + " weights for a completion of " + length
                            + " tokens: return new float[batch.entropy()[i].length].");
                    return;
                }
                for (int t = 0; t < length; t++) {
                    if (keeps(kept, i, t) && !(Float.isFinite(row[t]) && row[t] > 0)) {
                        fail(title + "the kept token " + t + " of row " + i + " has the weight " + row[t]
                                + ": give it a finite, positive weight, such as 1 / its probability of being kept.");
                    }
                }
            }
        });
    }

    @Test
    @DisplayName("A token selector keeps no more than it promises")
    final void shouldKeepNoMoreThanItPromises() {
        forEachAnswer((title, answered) -> {
            int most = keepsAtMost(answered.call().batch(), answered.call().keepRatio());
            int kept = count(answered.answer());
            if (kept > most) {
                fail(title + "it kept " + kept + " tokens: keep at most " + most
                        + ", as keepsAtMost() promises, or change the promise.");
            }
        });
    }

    private static boolean keeps(boolean[] @Nullable [] kept, int rollout, int token) {
        boolean @Nullable [] row = rollout < kept.length ? kept[rollout] : null;
        return row != null && token < row.length && row[token];
    }

    private static int count(TokenSelection selection) {
        int count = 0;
        for (boolean @Nullable [] row : selection.kept()) {
            for (int t = 0; row != null && t < row.length; t++) {
                count += row[t] ? 1 : 0;
            }
        }
        return count;
    }

    @Override
    final List<Call<TokenBatch>> calls() {
        return calls;
    }

    @Override
    final TokenSelection select(TokenSelector selector, TokenBatch batch, double keepRatio, long seed) {
        return selector.select(batch, keepRatio, seed);
    }

    @Override
    final TokenBatch copy(TokenBatch batch) {
        return new TokenBatch(batch.group().clone(), batch.advantage().clone(), copy(batch.entropy()),
                copy(batch.logprob()));
    }

    private static float[][] copy(float[][] rows) {
        float[][] copy = new float[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            copy[i] = rows[i].clone();
        }
        return copy;
    }

    @Override
    final void overwrite(TokenBatch batch) {
        for (int i = 0; i < batch.size(); i++) {
            batch.advantage()[i] = -batch.advantage()[i];
            reverse(batch.entropy()[i]);
            reverse(batch.logprob()[i]);
        }
    }

    private static void reverse(float[] row) {
        for (int i = 0, j = row.length - 1; i < j; i++, j--) {
            float value = row[i];
            row[i] = row[j];
            row[j] = value;
        }
    }

    @Override
    final Object[] parts(TokenBatch batch) {
        return new Object[]{batch.group(), batch.advantage(), batch.entropy(), batch.logprob()};
    }

    @Override
    final Object @Nullable [] answerParts(TokenSelection answer) {
        boolean @Nullable [] @Nullable [] kept = answer.kept();
        if (kept == null) {
            return null;
        }
        Object[] flags = new Object[kept.length];
        for (int i = 0; i < kept.length; i++) {
            boolean @Nullable [] row = kept[i];
            flags[i] = row == null ? "none" : row.clone();
        }
        float @Nullable [] @Nullable [] weight = answer.weight();
        Object[] weights = new Object[weight == null ? 0 : weight.length];
        for (int i = 0; weight != null && i < weights.length; i++) {
            float @Nullable [] row = weight[i];
            weights[i] = row == null ? "none" : row.clone();
        }
        return new Object[]{flags, weights, answer.metrics()};
    }

    @Override
    final Map<String, Double> metrics(TokenSelection answer) {
        return answer.metrics();
    }
}

package dev.d3s.server.selection;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;

/**
 * The token level of one job: applies its selector at the step's keep ratio with the step's seed, and measures what it
 * did. Between rollout selection and the policy update; on the training thread; nothing to close.
 */
public final class TokenLevel {
    private final TokenSelector selector;
    private final KeepRatio keepRatio;
    private final long jobSeed;

    /**
     * @param selector as the plugin registry makes it: its answers are checked there
     * @param jobSeed with the step it decides ties
     */
    public TokenLevel(TokenSelector selector, KeepRatio keepRatio, long jobSeed) {
        this.selector = selector;
        this.keepRatio = keepRatio;
        this.jobSeed = jobSeed;
    }

    /**
     * @param step from 0
     * @param batch at least one rollout
     * @throws D3sException with code {@code entropy_not_finite}: NaN would rank first
     */
    public KeptTokens select(int step, TokenBatch batch) {
        double all = meanEntropy(batch.entropy());
        if (!Double.isFinite(all)) {
            throw new D3sException(ErrorCategory.USER, "entropy_not_finite",
                    "At step " + step + " a token's entropy is not a finite number: the policy's logits overflowed."
                            + " Lower the learning rate or max_grad_norm and resume from an earlier checkpoint.");
        }
        double ratio = keepRatio.at(step);
        TokenSelection selection = selector.select(batch, ratio,
                SelectionSeed.of(jobSeed, step, SelectionSeed.Level.TOKENS));
        int count = 0;
        double entropy = 0;
        for (int i = 0; i < batch.size(); i++) {
            for (int t = 0; t < selection.kept()[i].length; t++) {
                if (selection.kept()[i][t]) {
                    count++;
                    entropy += batch.entropy()[i][t];
                }
            }
        }
        return new KeptTokens(ratio, selection.kept(), selection.weight(), batch.tokenCount(), count, all,
                count == 0 ? 0 : entropy / count, selection.metrics());
    }

    /** What the selector remembers between steps; {@code null} when it is a pure function. */
    public byte @Nullable [] state() {
        return SelectorMemory.save(selector);
    }

    /** Lets the selector go on from what {@link #state} returned, before its first step. */
    public void restore(byte @Nullable [] state) {
        SelectorMemory.restore(selector, state);
    }

    /**
     * Mean entropy over completion tokens.
     *
     * @param entropy {@code [R][T]}, ragged in T, nats
     * @return 0 when there is no token
     */
    public static double meanEntropy(float[][] entropy) {
        double sum = 0;
        long count = 0;
        for (float[] row : entropy) {
            for (float value : row) {
                sum += value;
            }
            count += row.length;
        }
        return count == 0 ? 0 : sum / count;
    }
}

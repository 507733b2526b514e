package dev.d3s.server.plugin;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.StatefulSelector;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;

/**
 * Holds a token selector to its contract. The plugin works on copies, so that it can change nothing of ours, not even after
 * it was given up at its time limit.
 */
class CheckedTokenSelector implements TokenSelector {
    private final PluginGuard guard;
    private final TokenSelector selector;

    private CheckedTokenSelector(PluginGuard guard, TokenSelector selector) {
        this.guard = guard;
        this.selector = selector;
    }

    /** The same kind of selector: with state if it has one. */
    static TokenSelector of(PluginGuard guard, TokenSelector selector) {
        return selector instanceof StatefulSelector stateful
                ? new Stateful(guard, selector, new CheckedState(guard, stateful))
                : new CheckedTokenSelector(guard, selector);
    }

    private static final class Stateful extends CheckedTokenSelector implements StatefulSelector {
        private final CheckedState state;

        Stateful(PluginGuard guard, TokenSelector selector, CheckedState state) {
            super(guard, selector);
            this.state = state;
        }

        @Override
        public byte[] saveState() {
            return state.save();
        }

        @Override
        public void restoreState(byte[] saved) {
            state.restore(saved);
        }
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        TokenBatch copy = new TokenBatch(batch.group().clone(), batch.advantage().clone(), copy(batch.entropy()),
                copy(batch.logprob()));
        TokenSelection selection = checked(guard.call(() -> selector.select(copy, keepRatio, seed)), batch);
        if (!Arrays.equals(copy.group(), batch.group()) || !Arrays.equals(copy.advantage(), batch.advantage())
                || !Arrays.deepEquals(copy.entropy(), batch.entropy())
                || !Arrays.deepEquals(copy.logprob(), batch.logprob())) {
            throw guard.broken("it changed the batch it was given.");
        }
        return selection;
    }

    private static float[][] copy(float[][] rows) {
        float[][] copy = new float[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            copy[i] = rows[i].clone();
        }
        return copy;
    }

    // null where the types exclude it: a plugin is compiled without our checks
    private TokenSelection checked(@Nullable TokenSelection selection, TokenBatch batch) {
        if (selection == null || selection.kept() == null) {
            throw guard.broken("it returned null.");
        }
        guard.checkMetrics(selection.metrics());
        boolean[][] kept = selection.kept();
        float[][] weight = selection.weight();
        if (kept.length != batch.size() || (weight != null && weight.length != batch.size())) {
            throw guard.broken("it returned " + (kept.length != batch.size()
                    ? kept.length + " rows"
                    : "weights of "
                            + (weight == null ? 0 : weight.length) + " rows")
                    + " for " + batch.size() + " rollouts.");
        }
        int count = 0;
        for (int i = 0; i < kept.length; i++) {
            int length = batch.entropy()[i].length;
            if (kept[i] == null || kept[i].length != length) {
                throw guard.broken("row " + i + " has " + (kept[i] == null ? "no" : kept[i].length)
                        + " flags for a completion of " + length + " tokens.");
            }
            if (weight != null && (weight[i] == null || weight[i].length != length)) {
                throw guard.broken("row " + i + " has " + (weight[i] == null ? "no" : weight[i].length)
                        + " weights for a completion of " + length + " tokens.");
            }
            for (int t = 0; t < length; t++) {
                if (kept[i][t]) {
                    count++;
                    if (weight != null && !(Float.isFinite(weight[i][t]) && weight[i][t] > 0)) {
                        throw guard.broken("kept token " + t + " of row " + i + " has the weight " + weight[i][t]
                                + ", which is not finite and positive.");
                    }
                }
            }
        }
        if (count == 0) {
            throw guard.broken("it kept no token.");
        }
        return selection;
    }
}

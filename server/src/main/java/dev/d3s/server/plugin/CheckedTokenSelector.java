package dev.d3s.server.plugin;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;

/** Holds a token selector to its contract. The plugin works on copies, so that it can change nothing of ours. */
final class CheckedTokenSelector implements TokenSelector {
    private final PluginFault fault;
    private final TokenSelector selector;

    CheckedTokenSelector(String name, TokenSelector selector) {
        this.fault = new PluginFault(PluginKind.TOKEN_SELECTOR, name);
        this.selector = selector;
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        TokenBatch copy = new TokenBatch(batch.group().clone(), batch.advantage().clone(), copy(batch.entropy()),
                copy(batch.logprob()));
        TokenSelection selection = checked(fault.guard(() -> selector.select(copy, keepRatio, seed)), batch);
        if (!Arrays.equals(copy.group(), batch.group()) || !Arrays.equals(copy.advantage(), batch.advantage())
                || !Arrays.deepEquals(copy.entropy(), batch.entropy())
                || !Arrays.deepEquals(copy.logprob(), batch.logprob())) {
            throw fault.broken("it changed the batch it was given.");
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
            throw fault.broken("it returned null.");
        }
        boolean[][] kept = selection.kept();
        float[][] weight = selection.weight();
        if (kept.length != batch.size() || (weight != null && weight.length != batch.size())) {
            throw fault.broken("it returned " + (kept.length != batch.size()
                    ? kept.length + " rows"
                    : "weights of "
                            + (weight == null ? 0 : weight.length) + " rows")
                    + " for " + batch.size() + " rollouts.");
        }
        int count = 0;
        for (int i = 0; i < kept.length; i++) {
            int length = batch.entropy()[i].length;
            if (kept[i] == null || kept[i].length != length) {
                throw fault.broken("row " + i + " has " + (kept[i] == null ? "no" : kept[i].length)
                        + " flags for a completion of " + length + " tokens.");
            }
            if (weight != null && (weight[i] == null || weight[i].length != length)) {
                throw fault.broken("row " + i + " has " + (weight[i] == null ? "no" : weight[i].length)
                        + " weights for a completion of " + length + " tokens.");
            }
            for (int t = 0; t < length; t++) {
                if (kept[i][t]) {
                    count++;
                    if (weight != null && !(Float.isFinite(weight[i][t]) && weight[i][t] > 0)) {
                        throw fault.broken("kept token " + t + " of row " + i + " has the weight " + weight[i][t]
                                + ", which is not finite and positive.");
                    }
                }
            }
        }
        if (count == 0) {
            throw fault.broken("it kept no token.");
        }
        return selection;
    }
}

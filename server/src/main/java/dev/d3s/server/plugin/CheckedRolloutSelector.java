package dev.d3s.server.plugin;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.StatefulSelector;

/**
 * Holds a rollout selector to its contract. The plugin works on copies, so that it can change nothing of ours, not even
 * after it was given up at its time limit.
 */
class CheckedRolloutSelector implements RolloutSelector {
    private final PluginGuard guard;
    private final RolloutSelector selector;

    private CheckedRolloutSelector(PluginGuard guard, RolloutSelector selector) {
        this.guard = guard;
        this.selector = selector;
    }

    /** The same kind of selector: with state if it has one. */
    static RolloutSelector of(PluginGuard guard, RolloutSelector selector) {
        return selector instanceof StatefulSelector stateful
                ? new Stateful(guard, selector, new CheckedState(guard, stateful))
                : new CheckedRolloutSelector(guard, selector);
    }

    private static final class Stateful extends CheckedRolloutSelector implements StatefulSelector {
        private final CheckedState state;

        Stateful(PluginGuard guard, RolloutSelector selector, CheckedState state) {
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
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        RolloutBatch copy = new RolloutBatch(batch.group().clone(), batch.groupCount(), batch.reward().clone(),
                batch.advantage().clone(), batch.completionLength().clone());
        RolloutSelection selection = checked(guard.call(() -> selector.select(copy, keepRatio, seed)), batch);
        if (!Arrays.equals(copy.group(), batch.group()) || !Arrays.equals(copy.reward(), batch.reward())
                || !Arrays.equals(copy.advantage(), batch.advantage())
                || !Arrays.equals(copy.completionLength(), batch.completionLength())) {
            throw guard.broken("it changed the batch it was given.");
        }
        return selection;
    }

    // null where the types exclude it: a plugin is compiled without our checks
    private RolloutSelection checked(@Nullable RolloutSelection selection, RolloutBatch batch) {
        if (selection == null || selection.kept() == null) {
            throw guard.broken("it returned null.");
        }
        boolean[] seen = new boolean[batch.size()];
        for (int rollout : selection.kept()) {
            if (rollout < 0 || rollout >= batch.size()) {
                throw guard.broken("it kept rollout " + rollout + " of a batch of " + batch.size() + ".");
            }
            if (seen[rollout]) {
                throw guard.broken("it kept rollout " + rollout + " twice.");
            }
            if (!batch.graded(rollout)) {
                throw guard.broken("it kept rollout " + rollout + ", which has no reward.");
            }
            seen[rollout] = true;
        }
        guard.checkMetrics(selection.metrics());
        double[] advantage = selection.advantage();
        if (advantage != null) {
            if (advantage.length != selection.kept().length) {
                throw guard.broken("it returned " + advantage.length + " advantages for " + selection.kept().length
                        + " kept rollouts.");
            }
            for (double value : advantage) {
                if (!Double.isFinite(value)) {
                    throw guard.broken("it returned the advantage " + value + ".");
                }
            }
        }
        return selection;
    }
}

package dev.d3s.server.plugin;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;

/** Holds a rollout selector to its contract. The plugin works on copies, so that it can change nothing of ours. */
final class CheckedRolloutSelector implements RolloutSelector {
    private final PluginFault fault;
    private final RolloutSelector selector;

    CheckedRolloutSelector(String name, RolloutSelector selector) {
        this.fault = new PluginFault(PluginKind.ROLLOUT_SELECTOR, name);
        this.selector = selector;
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        RolloutBatch copy = new RolloutBatch(batch.group().clone(), batch.groupCount(), batch.reward().clone(),
                batch.advantage().clone(), batch.completionLength().clone());
        RolloutSelection selection = checked(fault.guard(() -> selector.select(copy, keepRatio, seed)), batch);
        if (!Arrays.equals(copy.group(), batch.group()) || !Arrays.equals(copy.reward(), batch.reward())
                || !Arrays.equals(copy.advantage(), batch.advantage())
                || !Arrays.equals(copy.completionLength(), batch.completionLength())) {
            throw fault.broken("it changed the batch it was given.");
        }
        return selection;
    }

    // null where the types exclude it: a plugin is compiled without our checks
    private RolloutSelection checked(@Nullable RolloutSelection selection, RolloutBatch batch) {
        if (selection == null || selection.kept() == null) {
            throw fault.broken("it returned null.");
        }
        boolean[] seen = new boolean[batch.size()];
        for (int rollout : selection.kept()) {
            if (rollout < 0 || rollout >= batch.size()) {
                throw fault.broken("it kept rollout " + rollout + " of a batch of " + batch.size() + ".");
            }
            if (seen[rollout]) {
                throw fault.broken("it kept rollout " + rollout + " twice.");
            }
            if (!batch.graded(rollout)) {
                throw fault.broken("it kept rollout " + rollout + ", which has no reward.");
            }
            seen[rollout] = true;
        }
        double[] advantage = selection.advantage();
        if (advantage != null) {
            if (advantage.length != selection.kept().length) {
                throw fault.broken("it returned " + advantage.length + " advantages for " + selection.kept().length
                        + " kept rollouts.");
            }
            for (double value : advantage) {
                if (!Double.isFinite(value)) {
                    throw fault.broken("it returned the advantage " + value + ".");
                }
            }
        }
        return selection;
    }
}

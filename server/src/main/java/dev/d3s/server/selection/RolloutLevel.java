package dev.d3s.server.selection;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;

/**
 * The rollout level of one job: applies its selector at the step's keep ratio with the step's seed, and measures what it
 * did. Between advantages and token selection; on the training thread; nothing to close.
 */
public final class RolloutLevel {
    private final RolloutSelector selector;
    private final KeepRatio keepRatio;
    private final long jobSeed;

    /**
     * @param selector as the plugin registry makes it: its answers are checked there
     * @param jobSeed with the step it decides ties
     */
    public RolloutLevel(RolloutSelector selector, KeepRatio keepRatio, long jobSeed) {
        this.selector = selector;
        this.keepRatio = keepRatio;
        this.jobSeed = jobSeed;
    }

    /** @param step from 0 */
    public KeptRollouts select(int step, RolloutBatch batch) {
        double ratio = keepRatio.at(step);
        long seed = SelectionSeed.of(jobSeed, step, SelectionSeed.Level.ROLLOUTS);
        RolloutSelection selection = selector.select(batch, ratio, seed);
        int[] chosen = selection.kept();
        double[] given = selection.advantage();
        // in batch order, so that a group's rollouts stay adjacent and the order of a plugin's answer does not matter
        int[] order = IntStream.range(0, chosen.length)
            .boxed()
            .sorted(Comparator.comparingInt(i -> chosen[i]))
            .mapToInt(Integer::intValue)
            .toArray();
        int[] kept = Arrays.stream(order).map(i -> chosen[i]).toArray();
        double[] advantage = Arrays.stream(order)
            .mapToDouble(i -> given == null ? batch.advantage()[chosen[i]] : given[i])
            .toArray();
        return new KeptRollouts(ratio, kept, advantage, batch.size(), usefulRatio(batch.advantage()),
                usefulRatio(advantage), variance(batch.advantage()), variance(advantage), selection.metrics());
    }

    /** What the selector remembers between steps; {@code null} when it is a pure function. */
    public byte @Nullable [] state() {
        return SelectorMemory.save(selector);
    }

    /** Lets the selector go on from what {@link #state} returned, before its first step. */
    public void restore(byte @Nullable [] state) {
        SelectorMemory.restore(selector, state);
    }

    private static double usefulRatio(double[] advantage) {
        return Arrays.stream(advantage).map(a -> a == 0 ? 0 : 1).average().orElse(0);
    }

    /** Population variance; 0 of nothing. */
    private static double variance(double[] advantage) {
        double mean = Arrays.stream(advantage).average().orElse(0);
        return Arrays.stream(advantage).map(a -> (a - mean) * (a - mean)).average().orElse(0);
    }
}

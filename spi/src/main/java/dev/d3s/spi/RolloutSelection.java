package dev.d3s.spi;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The rollouts to keep.
 *
 * @param kept {@code [K]} indices into the batch, in any order, each at most once
 * @param advantage {@code [K]} advantages to train with instead of the batch's own, in the order of {@code kept}
 *            (PODS normalises on the kept set); {@code null} keeps the batch's own, which is what D3S does
 * @param metrics what the selector reports about this step, see {@link SelectorMetrics}; mostly empty
 */
public record RolloutSelection(int[] kept, double @Nullable [] advantage, Map<String, Double> metrics) {
    public RolloutSelection {
        metrics = Map.copyOf(metrics);
    }

    /** Keeps these rollouts with the advantages they have. */
    public static RolloutSelection of(int... kept) {
        return new RolloutSelection(kept, null, Map.of());
    }

    /** The same rollouts, trained with these advantages. */
    public RolloutSelection withAdvantage(double... trained) {
        return new RolloutSelection(kept, trained, metrics);
    }

    /** The same selection, reporting this. */
    public RolloutSelection withMetrics(Map<String, Double> reported) {
        return new RolloutSelection(kept, advantage, reported);
    }
}

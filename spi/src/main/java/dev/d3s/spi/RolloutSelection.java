package dev.d3s.spi;

import org.jspecify.annotations.Nullable;

/**
 * The rollouts to keep.
 *
 * @param kept {@code [K]} indices into the batch, in any order, each at most once
 * @param advantage {@code [K]} advantages to train with instead of the batch's own, in the order of {@code kept}
 *            (PODS normalises on the kept set); {@code null} keeps the batch's own, which is what D3S does
 */
public record RolloutSelection(int[] kept, double @Nullable [] advantage) {
    /** Keeps these rollouts with the advantages they have. */
    public static RolloutSelection of(int... kept) {
        return new RolloutSelection(kept, null);
    }
}

package dev.d3s.spi;

import java.util.List;

/**
 * What one jar adds to the server. Found by {@link java.util.ServiceLoader}: name the implementation in
 * {@code META-INF/services/dev.d3s.spi.Plugin}, and in the jar's {@code reachability-metadata.json} so that the native
 * executable finds it too.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>The constructor takes no arguments and runs once, at server start.</li>
 * <li>Each method is called once, right after construction. A kind that is added later defaults to an empty list, so a
 * compiled plugin keeps working.</li>
 * <li>A plugin that throws here, or takes longer than the server's limit, is reported by name and left out; the server
 * starts without it.</li>
 * <li>Names that are taken: a built-in plugin keeps its name, and of two others with the same name neither is used, until
 * one of them is removed.</li>
 * </ol>
 */
public interface Plugin {
    /** Strategies that decide which rollouts of a batch are trained on. */
    default List<RolloutSelectorFactory> rolloutSelectors() {
        return List.of();
    }

    /** Strategies that decide which completion tokens of the kept rollouts are trained on. */
    default List<TokenSelectorFactory> tokenSelectors() {
        return List.of();
    }

    /** Ways in which a keep ratio moves with training progress. */
    default List<ScheduleFactory> schedules() {
        return List.of();
    }

    /** Graders: what turns a completion into a reward. */
    default List<RewardFunctionFactory> rewardFunctions() {
        return List.of();
    }
}

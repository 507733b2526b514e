package dev.d3s.server.planning;

import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.planning.EngineSettings.Refresh;
import dev.d3s.server.policy.torch.ActivationCheckpointing;

/**
 * Those of the {@link EngineSettings} that a job gives; {@code null} leaves one to the planner.
 *
 * @param threads processor threads that the planner may give to each engine
 */
public record EngineWishes(@Nullable Integer trainerWorkers, @Nullable Integer trainerThreads,
        @Nullable Integer tokensPerMicroBatch, @Nullable Integer headRows,
        @Nullable ActivationCheckpointing checkpointing, @Nullable Integer rolloutWorkers,
        @Nullable Integer rolloutThreads, @Nullable Integer slotsPerWorker, @Nullable Refresh refreshing,
        @Nullable Integer threads) {
    /** The planner chooses everything. */
    public static final EngineWishes NONE = new EngineWishes(null, null, null, null, null, null, null, null, null,
            null);

    /** The settings when all are given, else {@code null}. */
    public @Nullable EngineSettings complete() {
        return trainerWorkers == null || trainerThreads == null || tokensPerMicroBatch == null || headRows == null
                || checkpointing == null || rolloutWorkers == null || rolloutThreads == null || slotsPerWorker == null
                || refreshing == null
                        ? null
                        : new EngineSettings(trainerWorkers, trainerThreads, tokensPerMicroBatch, headRows,
                                checkpointing, rolloutWorkers, rolloutThreads, slotsPerWorker, refreshing);
    }

    List<Integer> trainerWorkers(List<Integer> choices) {
        return trainerWorkers == null ? choices : List.of(trainerWorkers);
    }

    int trainerThreads(int choice) {
        return trainerThreads == null ? choice : trainerThreads;
    }

    List<Integer> tokensPerMicroBatch(List<Integer> choices) {
        return tokensPerMicroBatch == null ? choices : List.of(tokensPerMicroBatch);
    }

    List<Integer> headRows(List<Integer> choices) {
        return headRows == null ? choices : List.of(headRows);
    }

    List<ActivationCheckpointing> activationCheckpointing() {
        return checkpointing == null ? List.of(ActivationCheckpointing.values()) : List.of(checkpointing);
    }

    int rolloutWorkers(int choice) {
        return rolloutWorkers == null ? choice : rolloutWorkers;
    }

    int rolloutThreads(int choice) {
        return rolloutThreads == null ? choice : rolloutThreads;
    }

    List<Integer> slotsPerWorker(List<Integer> choices) {
        return slotsPerWorker == null ? choices : List.of(slotsPerWorker);
    }

    /** Packed always is never better than what is measured, and takes as much: only a job asks for it. */
    List<Refresh> refresh() {
        return refreshing == null ? List.of(Refresh.MEASURED, Refresh.IN_PLACE) : List.of(refreshing);
    }
}

package dev.d3s.server.planning;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.d3s.server.model.MemoryUse;

/**
 * Settings for a job, and the memory that is predicted for it with them.
 *
 * <p>
 * The phases of a step do not overlap, but what the engines took for one of them stays with their allocators: the peak is
 * that of a step that has been through all of them, or that of loading.
 *
 * @param settings of the engines
 * @param phases what each phase adds to what is held; the first, {@link Phase#HELD}, is there all the time
 * @param limit bytes that the process may have; 0 when nothing bounds it
 */
public record MemoryPlan(EngineSettings settings, Map<Phase, List<MemoryUse>> phases, long limit) {
    /** When memory is needed. */
    public enum Phase {
        /** From the first step to the last: server, weights, optimizer, rollout weights and cache. */
        HELD,
        /** On top while the model is read. */
        LOAD,
        /** On top while completions are generated. */
        ROLLOUT,
        /** On top while gradients are computed and applied. */
        UPDATE
    }

    public MemoryPlan {
        Map<Phase, List<MemoryUse>> copy = new LinkedHashMap<>();
        phases.forEach((phase, uses) -> copy.put(phase, List.copyOf(uses)));
        phases = copy;
    }

    /** Most memory of the process at any time. */
    public long peak() {
        return Math.max(total(Phase.LOAD) + heldWhileLoading(),
                total(Phase.HELD) + total(Phase.ROLLOUT) + total(Phase.UPDATE));
    }

    /** The part of the peak that is the job's own: what it takes beside other jobs. */
    public long ofJob() {
        return peak() - MemoryUse.total(phases.getOrDefault(Phase.HELD, List.of())
            .stream()
            .filter(use -> use.name().equals(MemoryPlanner.SERVER))
            .toList());
    }

    /** Bytes of one phase alone. */
    public long total(Phase phase) {
        return MemoryUse.total(phases.getOrDefault(phase, List.of()));
    }

    public boolean fits() {
        return limit == 0 || peak() <= limit;
    }

    /** The rollout engine opens when the model has been read. */
    private long heldWhileLoading() {
        return MemoryUse.total(phases.getOrDefault(Phase.HELD, List.of())
            .stream()
            .filter(use -> !ROLLOUT_PARTS.contains(use.name()))
            .toList());
    }

    private static final List<String> ROLLOUT_PARTS = List.of("rollout weights", "key-value cache");

    /** For the log of a job. */
    public String sentence() {
        return "Expected peak of memory: " + MemoryPlanner.size(peak())
                + (limit == 0 ? "." : " of " + MemoryPlanner.size(limit) + ".");
    }

    /** The largest parts first, as one sentence would list them. */
    List<MemoryUse> largest(int count) {
        List<MemoryUse> all = new ArrayList<>();
        phases.forEach((phase, uses) -> {
            if (phase != Phase.LOAD) {
                all.addAll(uses);
            }
        });
        all.sort((a, b) -> Long.compare(b.bytes(), a.bytes()));
        return all.subList(0, Math.min(count, all.size()));
    }
}

package dev.d3s.server.planning;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.MemoryUse;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.planning.EngineSettings.Refresh;
import dev.d3s.server.planning.MemoryPlan.Phase;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.torch.ActivationCheckpointing;
import dev.d3s.server.policy.torch.TorchMemory;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.rollout.onnx.OnnxMemory;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;

/**
 * Chooses the engines' settings for a job so that it fits into memory with the least loss of speed, before it begins. Looks at
 * every combination of a few steps down from what the engines would choose for themselves; where that fits, it is what comes
 * out. Stateless; any thread.
 *
 * @param cores processor threads of an engine
 * @param limit bytes that the process may have; 0 for no limit
 * @param base bytes of the process before a job begins: the JVM, its heap, and what it serves beside jobs
 */
public record MemoryPlanner(int cores, long limit, long base) {
    /** Code and tables of libtorch and ONNX Runtime once both have worked. */
    private static final long LIBRARIES = 200L << 20;
    private static final int FEWEST_TOKENS = 256;
    private static final int FEWEST_SLOTS = 4;
    private static final int FEWEST_ROWS = 32;
    private static final int STEPS_DOWN = 7;
    /** Shares of a usual step, for weighing what slows down one half of it against what slows down the other. */
    private static final double UPDATE_SHARE = 0.5;
    /** Time of an update whose layers are computed twice. */
    private static final double CHECKPOINTED = 1.2;
    /** Decoding on matrices that are not packed. */
    private static final double IN_PLACE = 1.2;
    private static final double MEBIBYTE = 1 << 20;
    /** What is there without a job. */
    static final String SERVER = "server";

    /**
     * What came out.
     *
     * @param plan the fastest that fits, or, where none does, the smallest
     * @param refusal why it cannot be, with the numbers and the cheapest changes that would fit; {@code null} when it can
     */
    public record Outcome(MemoryPlan plan, @Nullable String refusal) {}

    /** @param wishes settings that are not the planner's to choose */
    public Outcome plan(Workload workload, EngineWishes wishes) {
        Optional<MemoryPlan> best = best(workload, wishes);
        if (best.isPresent()) {
            return new Outcome(best.get(), null);
        }
        MemoryPlan smallest = smallest(workload, wishes);
        return new Outcome(smallest, refusal(workload, wishes, smallest));
    }

    /** The fastest plan that fits. */
    Optional<MemoryPlan> best(Workload workload, EngineWishes wishes) {
        EngineSettings ample = EngineSettings.ample(workload, cores);
        return candidates(ample, workload, wishes).stream()
            .sorted(Comparator.comparingDouble((EngineSettings settings) -> slowdown(settings, ample)))
            .map(settings -> predict(workload, settings))
            .filter(MemoryPlan::fits)
            .findFirst();
    }

    private MemoryPlan smallest(Workload workload, EngineWishes wishes) {
        EngineSettings ample = EngineSettings.ample(workload, cores);
        return candidates(ample, workload, wishes).stream()
            .map(settings -> predict(workload, settings))
            .min(Comparator.comparingLong(MemoryPlan::peak)
                .thenComparingDouble(plan -> slowdown(plan.settings(), ample)))
            .orElseThrow();
    }

    /** The memory of a job with these settings. */
    public MemoryPlan predict(Workload workload, EngineSettings settings) {
        TorchPolicySettings trainer = settings.trainer(workload.config(), workload.policy());
        OnnxRolloutSettings rollouts = settings.rollouts(workload.config(), workload.longestGenerated(), 0, null);
        TorchMemory.Load trained = new TorchMemory.Load(workload.sequences(), workload.longestTrained(),
                workload.longestCompletion(), workload.tokenKeepRatio());
        TorchMemory update = TorchMemory.of(workload.config(), trainer, trained);
        OnnxMemory generation = OnnxMemory.of(workload.config(), rollouts,
                new OnnxMemory.Load(workload.prompts(), workload.groupSize(), workload.longestPrompt()));

        List<MemoryUse> held = new ArrayList<>();
        held.add(new MemoryUse(SERVER, base));
        held.add(new MemoryUse("libraries", LIBRARIES));
        held.addAll(update.held());
        List<MemoryUse> updating = new ArrayList<>(update.update());
        if (workload.reference()) {
            TorchMemory reference = TorchMemory.ofReference(workload.config(), trainer, trained);
            // with adapters the model beside them is the reference
            held.addAll(workload.policy().lora() == null ? reference.held() : List.of());
            updating.addAll(reference.update());
        }
        held.addAll(generation.held());
        Map<Phase, List<MemoryUse>> phases = new EnumMap<>(Phase.class);
        phases.put(Phase.HELD, held);
        phases.put(Phase.LOAD, List.of(new MemoryUse("the model as it is read", weights(workload))));
        phases.put(Phase.ROLLOUT, generation.generation());
        phases.put(Phase.UPDATE, updating);
        return new MemoryPlan(settings, phases, limit);
    }

    private static long weights(Workload workload) {
        return Float.BYTES * ParameterLayout.of(workload.config()).stream().mapToLong(Parameter::size).sum();
    }

    // ---------------------------------------------------------------- what there is to choose from

    private List<EngineSettings> candidates(EngineSettings ample, Workload workload, EngineWishes wishes) {
        List<EngineSettings> candidates = new ArrayList<>();
        int shortest = Math.min(ample.tokensPerMicroBatch(), Math.max(FEWEST_TOKENS, workload.longestTrained()));
        for (int workers : wishes.trainerWorkers(halves(ample.trainerWorkers(), 1))) {
            int threads = wishes.trainerThreads(workers == ample.trainerWorkers()
                    ? ample.trainerThreads()
                    : Math.max(1, cores / workers));
            for (int tokens : wishes.tokensPerMicroBatch(halves(ample.tokensPerMicroBatch(), shortest))) {
                for (int rows : wishes
                    .headRows(halves(ample.headRows(), Math.min(ample.headRows(), FEWEST_ROWS)))) {
                    for (int slots : wishes.slotsPerWorker(
                            halves(ample.slotsPerWorker(), Math.min(ample.slotsPerWorker(), FEWEST_SLOTS)))) {
                        for (ActivationCheckpointing checkpointing : wishes.activationCheckpointing()) {
                            for (Refresh refresh : wishes.refresh()) {
                                candidates.add(new EngineSettings(workers, threads, tokens, rows, checkpointing,
                                        wishes.rolloutWorkers(ample.rolloutWorkers()),
                                        wishes.rolloutThreads(ample.rolloutThreads()), slots, refresh));
                            }
                        }
                    }
                }
            }
        }
        return candidates;
    }

    /** From the most down to the least, both included, each half of the one before. */
    static List<Integer> halves(int most, int least) {
        TreeSet<Integer> values = new TreeSet<>();
        int value = most;
        for (int step = 0; step < STEPS_DOWN && value > least; step++) {
            values.add(value);
            value /= 2;
        }
        values.add(least);
        return List.copyOf(values.descendingSet());
    }

    /** Predicted time of a step over that of a step with ample memory. */
    static double slowdown(EngineSettings settings, EngineSettings ample) {
        double update = settings.activationCheckpointing() == ActivationCheckpointing.LAYER ? CHECKPOINTED : 1;
        // what a call of the program costs beside its arithmetic, and products with few rows
        update *= overhead(settings.tokensPerMicroBatch(), 64) / overhead(ample.tokensPerMicroBatch(), 64);
        update *= overhead(settings.headRows(), 8) / overhead(ample.headRows(), 8);
        // threads inside a product wait for each other more than workers do
        update *= Math.pow((double) ample.trainerWorkers() / settings.trainerWorkers(), 0.3);
        double rollout = settings.refresh() == Refresh.IN_PLACE ? IN_PLACE : 1;
        rollout *= overhead(settings.slotsPerWorker(), 8) / overhead(ample.slotsPerWorker(), 8);
        return UPDATE_SHARE * update + (1 - UPDATE_SHARE) * rollout;
    }

    private static double overhead(int size, double cost) {
        return 1 + cost / size;
    }

    // ---------------------------------------------------------------- what to do when nothing fits

    /** A change to a job. */
    private record Change(String words, UnaryOperator<Workload> made) {}

    private String refusal(Workload workload, EngineWishes wishes, MemoryPlan smallest) {
        String parts = smallest.largest(4)
            .stream()
            .map(use -> use.name() + " " + size(use.bytes()))
            .collect(Collectors.joining(", "));
        return "The job needs " + size(smallest.peak()) + " of memory at least (" + parts
                + "), but the server may use " + size(limit) + ". " + advice(workload, wishes, smallest);
    }

    private String advice(Workload workload, EngineWishes wishes, MemoryPlan smallest) {
        List<Change> changes = changes(workload);
        String most = "or give the server " + size(smallest.peak()) + " (d3s.memory.limit).";
        for (Change change : changes) {
            Optional<MemoryPlan> fitting = best(change.made().apply(workload), wishes);
            if (fitting.isPresent()) {
                return "It fits with " + change.words() + ": " + size(fitting.get().peak()) + "; " + most;
            }
        }
        for (Change first : changes) {
            for (Change second : changes) {
                Optional<MemoryPlan> fitting = best(second.made().apply(first.made().apply(workload)),
                        wishes);
                if (fitting.isPresent()) {
                    return "It fits with " + first.words() + " and " + second.words() + ": "
                            + size(fitting.get().peak()) + "; " + most;
                }
            }
        }
        return "No change to the job makes it fit: choose a smaller model, " + most;
    }

    /** Single changes, from the one that changes least about what is learned. */
    private static List<Change> changes(Workload workload) {
        List<Change> changes = new ArrayList<>();
        if (workload.reference()) {
            changes.add(new Change("objective.kl_beta 0", Workload::withoutReference));
        }
        if (workload.reinforcement()) {
            for (int tokens = workload.maxTokens() / 2; tokens >= 16; tokens /= 2) {
                int fewer = tokens;
                changes.add(new Change("sampling.max_tokens " + fewer, job -> job.withMaxTokens(fewer)));
                if (2 * fewer <= workload.maxTokens() / 4) {
                    break;
                }
            }
        }
        if (workload.policy().lora() == null) {
            changes.add(new Change("lora {\"rank\": 16}", job -> job
                .with(new PolicySettings(job.policy().precision(), LoraSettings.of(16, 32)))));
        }
        return changes;
    }

    /** For people. */
    public static String size(long bytes) {
        double mebibytes = bytes / MEBIBYTE;
        return mebibytes < 1024
                ? String.format(Locale.ROOT, "%.0f MiB", mebibytes)
                : String.format(Locale.ROOT, "%.1f GiB", mebibytes / 1024);
    }
}

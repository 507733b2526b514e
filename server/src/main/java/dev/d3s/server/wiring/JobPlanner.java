package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;

import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.JobMemory;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.spec.DatasetChecks.Lengths;
import dev.d3s.server.spec.JobPlans;
import dev.d3s.server.training.TrainingSettings;
import dev.d3s.server.training.Workloads;

/** Turns a job into numbers for the planner. */
final class JobPlanner implements JobPlans {
    private final JobMemory memory;
    private final int threads;

    /** @param threads of a job that does not say how many it wants */
    JobPlanner(JobMemory memory, int threads) {
        this.memory = memory;
        this.threads = threads;
    }

    @Override
    public Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths,
            EngineWishes wishes) {
        try {
            Integer wanted = wishes.threads();
            return Optional.of(
                    memory.planner(wanted == null ? threads : wanted)
                        .plan(Workloads.of(ModelDirectory.config(model), settings, lengths.prompt(),
                                lengths.completion(),
                                lengths.row()), wishes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public long memory() {
        return memory.forJobs();
    }
}

package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;

import dev.d3s.server.job.DatasetChecks.Lengths;
import dev.d3s.server.job.JobPlans;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.JobMemory;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.training.TrainingSettings;
import dev.d3s.server.training.Workloads;

/** Turns a job into numbers for the planner. */
final class JobPlanner implements JobPlans {
    private final JobMemory memory;

    JobPlanner(JobMemory memory) {
        this.memory = memory;
    }

    @Override
    public Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths,
            EngineWishes wishes) {
        try {
            return Optional.of(
                    memory.planner()
                        .plan(Workloads.of(ModelDirectory.config(model), settings, lengths.prompt(),
                                lengths.completion(),
                                lengths.row()), wishes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package dev.d3s.server.spec;

import java.nio.file.Path;
import java.util.Optional;

import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.spec.DatasetChecks.Lengths;
import dev.d3s.server.training.TrainingSettings;

/** Plans a job's memory before it is accepted. Thread-safe. */
@FunctionalInterface
public interface JobPlans {
    /**
     * The engines' settings for a job that this machine can run, or why it cannot.
     *
     * @param model directory of the model it starts from
     * @param lengths of the rows of all its files
     * @param wishes settings that the job gives
     * @return empty when nothing is planned and the engines choose for themselves
     */
    Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths, EngineWishes wishes);

    /** Bytes of this machine for all jobs that run at once; 0 when nothing bounds them. */
    default long memory() {
        return 0;
    }
}

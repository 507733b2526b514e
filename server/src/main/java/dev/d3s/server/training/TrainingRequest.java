package dev.d3s.server.training;

import java.nio.file.Path;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.planning.EngineSettings;

/**
 * One run of a training loop.
 *
 * @param seed of all randomness
 * @param model Hugging Face directory to start from
 * @param trainingFile JSON Lines or Parquet
 * @param validationFile JSON Lines or Parquet, for evaluation
 * @param resumeFrom a checkpoint directory of the same job to continue from
 * @param settings what to do
 * @param engines how they use the machine; {@code null} leaves it to them
 * @param organization that the job belongs to: whose models graders may sample
 */
public record TrainingRequest(long seed, Path model, Path trainingFile, @Nullable Path validationFile,
        @Nullable Path resumeFrom, TrainingSettings settings, @Nullable EngineSettings engines,
        String organization) {
    /** Of nobody in particular. */
    public TrainingRequest(long seed, Path model, Path trainingFile, @Nullable Path validationFile,
            @Nullable Path resumeFrom, TrainingSettings settings, @Nullable EngineSettings engines) {
        this(seed, model, trainingFile, validationFile, resumeFrom, settings, engines, "");
    }

    /** Of nobody in particular, whose engines choose for themselves how they use the machine. */
    public TrainingRequest(long seed, Path model, Path trainingFile, @Nullable Path validationFile,
            @Nullable Path resumeFrom, TrainingSettings settings) {
        this(seed, model, trainingFile, validationFile, resumeFrom, settings, null);
    }
}

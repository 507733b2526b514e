package dev.d3s.server.training;

import java.nio.file.Path;

import org.jspecify.annotations.Nullable;

/**
 * One run of a training loop.
 *
 * @param seed of all randomness
 * @param model Hugging Face directory to start from
 * @param trainingFile JSON Lines or Parquet
 * @param validationFile JSON Lines or Parquet, for evaluation
 * @param resumeFrom a checkpoint directory of the same job to continue from
 * @param settings what to do
 */
public record TrainingRequest(long seed, Path model, Path trainingFile, @Nullable Path validationFile,
        @Nullable Path resumeFrom, TrainingSettings settings) {}

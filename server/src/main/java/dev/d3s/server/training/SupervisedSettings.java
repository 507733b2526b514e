package dev.d3s.server.training;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.policy.PolicySettings;

/**
 * A supervised job: cross-entropy on completion tokens, averaged over the tokens of a batch.
 *
 * @param steps optimizer steps
 * @param batchSize rows per step
 * @param maxTokens length limit of a completion in evaluation
 * @param policy what is trained, and in which numbers
 * @param optimizer AdamW and its learning rate
 * @param evaluation on the validation file: loss, and accuracy of greedy completions
 * @param checkpoints when they are written, and which stay
 * @param grader decides accuracy; {@code null} for exact match with the row's completion
 */
public record SupervisedSettings(int steps, int batchSize, int maxTokens, PolicySettings policy,
        OptimizerSettings optimizer,
        EvaluationSettings evaluation, CheckpointSettings checkpoints,
        @Nullable PluginChoice grader) implements TrainingSettings {}

package dev.d3s.server.training;

import dev.d3s.server.policy.PolicySettings;

/** Everything a training loop needs to know, fully expanded: no defaults are left to be filled in. */
public sealed interface TrainingSettings permits ReinforcementSettings, SupervisedSettings {
    /** Optimizer steps. */
    int steps();

    /** Length limit of a generated completion. */
    int maxTokens();

    /** What is trained, and in which numbers. */
    PolicySettings policy();

    OptimizerSettings optimizer();

    EvaluationSettings evaluation();

    CheckpointSettings checkpoints();
}

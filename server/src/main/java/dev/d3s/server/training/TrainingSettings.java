package dev.d3s.server.training;

/** Everything a training loop needs to know, fully expanded: no defaults are left to be filled in. */
public sealed interface TrainingSettings permits ReinforcementSettings, SupervisedSettings {
    /** Optimizer steps. */
    int steps();

    /** Length limit of a generated completion. */
    int maxTokens();

    OptimizerSettings optimizer();

    EvaluationSettings evaluation();

    /** A checkpoint every so many steps, and one at the end; 0 for the end only. */
    int checkpointInterval();
}

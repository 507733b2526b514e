package dev.d3s.server.policy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;

/**
 * The policy that is trained: weights, gradients and optimizer moments, and the one operation that changes them.
 * Callable from any one thread at a time; implementations run on threads of their own. Whoever opened it closes it, after
 * closing the rollout engine that reads its weights.
 */
public interface Policy extends LogprobScorer {
    ModelConfig config();

    /** Live views of the weights: they change with every update. */
    Weights weights();

    /** Rises with each weight change, from 0. */
    long version();

    /**
     * One optimizer step on the weighted sum of the loss terms of all sequences. Sequences without a kept token are not
     * allowed. Micro-batches never change the loss.
     *
     * @throws dev.d3s.spi.D3sException with code {@code loss_not_finite} when loss or gradient norm is NaN or infinite;
     *             weights and moments are then unchanged
     */
    UpdateReport update(List<TrainingSequence> sequences, Objective objective, OptimizerStep step);

    /** Writes what a bit-identical continuation needs beside the weights: moments, step count, version. */
    void saveOptimizer(Path directory) throws IOException;

    /** Reads what {@link #saveOptimizer} wrote. */
    void loadOptimizer(Path directory) throws IOException;
}

package dev.d3s.server.policy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;

/**
 * The policy that is trained: weights, gradients and optimizer moments, and the one operation that changes them.
 * Callable from any one thread at a time; implementations run on threads of their own. Whoever opened it closes it, after
 * closing the rollout engine that reads its weights.
 */
public interface Policy extends LogprobScorer {
    ModelConfig config();

    /** Live views of the weights: they change with every update. With adapters they are merged, where they always are. */
    Weights weights();

    /** What is trained when it is not the weights themselves; {@code null} when it is. */
    @Nullable
    Adapter adapter();

    /**
     * The model without its adapters, for policies that have some: it shares the policy's memory and threads, and takes turns
     * with it. {@code null} for others. The caller closes it before the policy.
     */
    @Nullable
    ReferencePolicy withoutAdapter();

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

    /**
     * Writes what a bit-identical continuation needs beside the model it begins with: moments, step count, version, and the
     * adapters if there are any.
     */
    void saveOptimizer(Path directory) throws IOException;

    /** Reads what {@link #saveOptimizer} wrote. */
    void loadOptimizer(Path directory) throws IOException;
}

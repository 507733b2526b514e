package dev.d3s.server.training;

import dev.d3s.server.policy.OptimizerStep;

/**
 * AdamW and the course of its learning rate.
 *
 * @param learningRate peak
 * @param decay how it falls from the peak to {@code finalRatio} of it
 * @param finalRatio share of the peak at the last step, in [0, 1]
 * @param warmupSteps linear rise from 0 over this many steps
 * @param weightDecay decoupled, on matrices only
 * @param maxGradNorm gradient-norm clip, positive
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 */
public record OptimizerSettings(double learningRate, Decay decay, double finalRatio, int warmupSteps,
        double weightDecay,
        double maxGradNorm, double beta1, double beta2, double epsilon) {
    /** Shape of the learning rate after warm-up. */
    public enum Decay {
        CONSTANT, LINEAR, COSINE
    }

    /** The learning rate of a step. */
    public double at(int step, int totalSteps) {
        if (step < warmupSteps) {
            return learningRate * (step + 1) / warmupSteps;
        }
        int last = totalSteps - 1;
        double progress = last <= warmupSteps ? 1 : (double) (step - warmupSteps) / (last - warmupSteps);
        return learningRate * switch (decay) {
            case CONSTANT -> 1;
            case LINEAR -> 1 - (1 - finalRatio) * progress;
            case COSINE -> finalRatio + (1 - finalRatio) * 0.5 * (1 + Math.cos(Math.PI * progress));
        };
    }

    /** The optimizer step of a training step. */
    public OptimizerStep stepAt(int step, int totalSteps) {
        return new OptimizerStep(at(step, totalSteps), weightDecay, beta1, beta2, epsilon, maxGradNorm);
    }
}

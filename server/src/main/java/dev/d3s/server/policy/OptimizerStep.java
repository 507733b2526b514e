package dev.d3s.server.policy;

/**
 * One step of AdamW (arXiv 1711.05101) after clipping the gradient to a norm. Weight decay acts on matrices only.
 *
 * @param learningRate of this step
 * @param weightDecay decoupled
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param maxGradNorm largest L2 norm over all gradients; infinity leaves them alone
 */
public record OptimizerStep(double learningRate, double weightDecay, double beta1, double beta2, double epsilon,
        double maxGradNorm) {
    /** The usual moments for fine-tuning. */
    public static OptimizerStep of(double learningRate) {
        return new OptimizerStep(learningRate, 0, 0.9, 0.999, 1e-8, 1);
    }
}

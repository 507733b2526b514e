package dev.d3s.server.policy;

/**
 * In which numbers the policy's matrix products are computed. Weights, gradients between micro-batches, optimizer moments,
 * norms, attention, the lm_head and the loss are fp32 either way.
 */
public enum Precision {
    FP32,
    /** The layers' linear maps take their factors rounded to bf16 and sum in fp32. */
    BF16
}

package dev.d3s.server.policy.torch;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;

/**
 * How a policy uses the machine. None of it changes a result beyond the rounding of sums; the same settings give the same
 * bits.
 *
 * @param workers threads that compute micro-batches side by side, each with its own gradients
 * @param intraOpThreads threads inside one matrix product
 * @param tokensPerMicroBatch most padded tokens of a micro-batch; a longer sequence is one alone
 * @param logitsBytes most memory of a worker for logits; the lm_head takes its rows in parts that fit
 */
public record TorchPolicySettings(int workers, int intraOpThreads, int tokensPerMicroBatch, long logitsBytes) {
    /** Above this many parameters a second set of gradients costs more than it gains. */
    private static final long MOST_PARAMETERS_PER_WORKER = 100_000_000;
    private static final long ACTIVATION_BYTES = 1L << 30;
    private static final long LOGITS_BYTES = 256L << 20;

    public TorchPolicySettings {
        if (workers < 1 || intraOpThreads < 1 || tokensPerMicroBatch < 1 || logitsBytes < 1) {
            throw new IllegalArgumentException("Workers, threads and budgets are at least 1");
        }
    }

    /**
     * Settings for a model on a machine: small models share the cores as workers (their matrix products are too small to be
     * cut), large ones as threads of one worker.
     */
    public static TorchPolicySettings forModel(ModelConfig config, int cores) {
        boolean small = ParameterLayout.parameterCount(config) <= MOST_PARAMETERS_PER_WORKER;
        long tokens = ACTIVATION_BYTES / activationBytesPerToken(config);
        return new TorchPolicySettings(small ? cores : 1, small ? 1 : cores,
                Math.clamp(tokens, 512, 16_384), LOGITS_BYTES);
    }

    public TorchPolicySettings withWorkers(int count) {
        return new TorchPolicySettings(count, intraOpThreads, tokensPerMicroBatch, logitsBytes);
    }

    public TorchPolicySettings withTokensPerMicroBatch(int tokens) {
        return new TorchPolicySettings(workers, intraOpThreads, tokens, logitsBytes);
    }

    public TorchPolicySettings withLogitsBytes(long bytes) {
        return new TorchPolicySettings(workers, intraOpThreads, tokensPerMicroBatch, bytes);
    }

    /** What one token leaves behind in the forward pass: residuals and norms, projections and heads, and the MLP. */
    private static long activationBytesPerToken(ModelConfig config) {
        long perLayer = 8L * config.hiddenSize() + 5L * config.packedProjectionSize() + 6L * config.intermediateSize();
        return Float.BYTES * perLayer * config.layers();
    }

    /** Rows of the lm_head at a time: two fp32 tensors of the vocabulary's width are alive at once. */
    int logitsRows(ModelConfig config) {
        return Math.clamp(logitsBytes / (2L * Float.BYTES * config.vocabularySize()), 1, Integer.MAX_VALUE);
    }
}

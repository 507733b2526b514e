package dev.d3s.server.policy.torch;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;

/**
 * How a policy uses the machine, and what of it is trained. Workers, threads and budgets change no result beyond the
 * rounding of sums; the same settings give the same bits.
 *
 * @param workers threads that compute micro-batches side by side, each with its own gradients
 * @param intraOpThreads threads inside one matrix product
 * @param tokensPerMicroBatch most padded tokens of a micro-batch; a longer sequence is one alone
 * @param logitsBytes most memory of a worker for logits; the lm_head takes its rows in parts that fit
 * @param activationCheckpointing what a forward pass keeps
 * @param precision of the layers' linear maps
 * @param lora adapters that are trained in place of the weights; {@code null} trains all weights
 */
public record TorchPolicySettings(int workers, int intraOpThreads, int tokensPerMicroBatch, long logitsBytes,
        ActivationCheckpointing activationCheckpointing, Precision precision, @Nullable LoraSettings lora) {
    /** Of all workers together; each has a full set of gradients, and the rest is shared by those that there are. */
    private static final long GRADIENT_BYTES = 2L << 30;
    private static final long ACTIVATION_BYTES = 2L << 30;
    private static final long LOGITS_BYTES = 512L << 20;
    private static final int MOST_WORKERS = 8;
    /** Narrower matrices are too small to be cut: threads inside a product would mostly wait for each other. */
    private static final int HIDDEN_SIZE_WORTH_THREADS = 512;

    public TorchPolicySettings {
        if (workers < 1 || intraOpThreads < 1 || tokensPerMicroBatch < 1 || logitsBytes < 1) {
            throw new IllegalArgumentException("Workers, threads and budgets are at least 1");
        }
    }

    /** All weights, in fp32, with every activation kept. */
    public TorchPolicySettings(int workers, int intraOpThreads, int tokensPerMicroBatch, long logitsBytes) {
        this(workers, intraOpThreads, tokensPerMicroBatch, logitsBytes, ActivationCheckpointing.NONE, Precision.FP32,
                null);
    }

    /** As {@link #forModel(ModelConfig, int, PolicySettings)} for all weights in fp32. */
    public static TorchPolicySettings forModel(ModelConfig config, int cores) {
        return forModel(config, cores, PolicySettings.DEFAULT);
    }

    /**
     * Settings for a model on a machine: cores are shared out as workers as long as their gradients fit into memory, and as
     * threads inside each operation where the matrices are worth it.
     */
    public static TorchPolicySettings forModel(ModelConfig config, int cores, PolicySettings trained) {
        // adapters have small gradients, but workers side by side also multiply what one micro-batch keeps
        long gradientBytes = Float.BYTES * ParameterLayout.parameterCount(config);
        int workers = Math.clamp(GRADIENT_BYTES / gradientBytes, 1, Math.min(cores, MOST_WORKERS));
        int threads = config.hiddenSize() < HIDDEN_SIZE_WORTH_THREADS ? 1 : cores / workers;
        long tokens = ACTIVATION_BYTES / workers / activationBytesPerToken(config);
        return new TorchPolicySettings(workers, threads, Math.clamp(tokens, 512, 16_384), LOGITS_BYTES / workers,
                ActivationCheckpointing.NONE, trained.precision(), trained.lora());
    }

    public TorchPolicySettings withWorkers(int count) {
        return new TorchPolicySettings(count, intraOpThreads, tokensPerMicroBatch, logitsBytes,
                activationCheckpointing, precision, lora);
    }

    public TorchPolicySettings withTokensPerMicroBatch(int tokens) {
        return new TorchPolicySettings(workers, intraOpThreads, tokens, logitsBytes, activationCheckpointing, precision,
                lora);
    }

    public TorchPolicySettings withLogitsBytes(long bytes) {
        return new TorchPolicySettings(workers, intraOpThreads, tokensPerMicroBatch, bytes, activationCheckpointing,
                precision, lora);
    }

    public TorchPolicySettings with(ActivationCheckpointing checkpointing) {
        return new TorchPolicySettings(workers, intraOpThreads, tokensPerMicroBatch, logitsBytes, checkpointing,
                precision, lora);
    }

    public TorchPolicySettings with(PolicySettings trained) {
        return new TorchPolicySettings(workers, intraOpThreads, tokensPerMicroBatch, logitsBytes,
                activationCheckpointing, trained.precision(), trained.lora());
    }

    /** What one token leaves behind in the forward pass: residuals and norms, projections and heads, and the MLP. */
    private static long activationBytesPerToken(ModelConfig config) {
        long perLayer = 8L * config.hiddenSize() + 5L * config.packedProjectionSize() + 6L * config.intermediateSize();
        return Float.BYTES * perLayer * config.layers();
    }

    /** Rows of the lm_head at a time: two fp32 tensors of the vocabulary's width are alive at once. */
    public int logitsRows(ModelConfig config) {
        return Math.clamp(logitsBytes / (2L * Float.BYTES * config.vocabularySize()), 1, Integer.MAX_VALUE);
    }
}

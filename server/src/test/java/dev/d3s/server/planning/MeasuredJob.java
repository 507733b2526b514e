package dev.d3s.server.planning;

import java.util.List;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.planning.EngineSettings.Refresh;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.policy.torch.ActivationCheckpointing;

/** Jobs whose memory is predicted and measured; in each another part of it is the largest. */
enum MeasuredJob {
    /** The lm_head, its gradient and the logits. */
    LARGE_VOCABULARY(model(60_000, 256, 2, 704, 512), PolicySettings.DEFAULT, false, 4, 4, 16, 16, 1, 1,
            new EngineSettings(1, 1, 256, 128, ActivationCheckpointing.NONE, 1, 1, 16, Refresh.RECREATE)),
    /** Weights, gradients and moments. */
    DEEP(model(1000, 512, 12, 1408, 512), PolicySettings.DEFAULT, false, 2, 4, 16, 16, 0.5, 0.2,
            new EngineSettings(1, 1, 128, 1024, ActivationCheckpointing.NONE, 1, 1, 8, Refresh.RECREATE)),
    /** Gradients twice, and the trainer's own memory for the rollout engine. */
    TWO_WORKERS_IN_PLACE(model(1000, 512, 10, 1408, 512), PolicySettings.DEFAULT, false, 2, 4, 24, 8, 1, 1,
            new EngineSettings(2, 1, 128, 1024, ActivationCheckpointing.NONE, 2, 1, 4, Refresh.IN_PLACE)),
    /** Activations. */
    LONG_SEQUENCES(model(500, 128, 6, 384, 2048), PolicySettings.DEFAULT, false, 1, 4, 700, 8, 1, 1,
            new EngineSettings(1, 1, 4096, 4096, ActivationCheckpointing.NONE, 1, 1, 8, Refresh.RECREATE)),
    /** What checkpointing leaves of them. */
    CHECKPOINTED(model(500, 192, 8, 512, 2048), PolicySettings.DEFAULT, false, 1, 4, 700, 8, 1, 1,
            new EngineSettings(1, 1, 4096, 4096, ActivationCheckpointing.LAYER, 1, 1, 8, Refresh.RECREATE)),
    /** Keys and values: of 32 completions, which fill their slots, since only pages that are written take memory. */
    LARGE_CACHE(model(500, 128, 8, 384, 2048), PolicySettings.DEFAULT, false, 4, 8, 1000, 8, 0.03, 0.2,
            new EngineSettings(1, 1, 1024, 4096, ActivationCheckpointing.NONE, 1, 1, 32, Refresh.RECREATE)),
    /** Weights three times: the model's, merged and packed. */
    ADAPTERS(model(1000, 512, 12, 1408, 512), new PolicySettings(Precision.FP32, LoraSettings.of(8, 16)), false, 2, 4,
            16, 16, 1, 1,
            new EngineSettings(1, 1, 256, 1024, ActivationCheckpointing.NONE, 1, 1, 8, Refresh.RECREATE)),
    /** bf16 factors of every product. */
    BF16(model(1000, 512, 10, 1408, 512), new PolicySettings(Precision.BF16, null), false, 2, 4, 32, 32, 1, 1,
            new EngineSettings(1, 1, 512, 1024, ActivationCheckpointing.NONE, 1, 1, 8, Refresh.IN_PLACE)),
    /** A second set of weights. */
    REFERENCE(model(30_000, 512, 6, 1408, 512), PolicySettings.DEFAULT, true, 2, 4, 16, 16, 1, 1,
            new EngineSettings(1, 1, 128, 128, ActivationCheckpointing.NONE, 1, 1, 8, Refresh.RECREATE));

    /** The Java process without engines, and what the probe itself has on the heap. */
    static final long BASE = 70L << 20;

    final ModelConfig config;
    final PolicySettings policy;
    final boolean reference;
    final int prompts;
    final int groupSize;
    final int promptTokens;
    final int maxTokens;
    final double keepRollouts;
    final double keepTokens;
    final EngineSettings settings;

    MeasuredJob(ModelConfig config, PolicySettings policy, boolean reference, int prompts, int groupSize,
            int promptTokens, int maxTokens, double keepRollouts, double keepTokens, EngineSettings settings) {
        this.config = config;
        this.policy = policy;
        this.reference = reference;
        this.prompts = prompts;
        this.groupSize = groupSize;
        this.promptTokens = promptTokens;
        this.maxTokens = maxTokens;
        this.keepRollouts = keepRollouts;
        this.keepTokens = keepTokens;
        this.settings = settings;
    }

    private static ModelConfig model(int vocabulary, int hidden, int layers, int intermediate, int context) {
        // no token of the rollouts ends one
        return ModelConfig.qwen2(vocabulary, hidden, layers, hidden / 32, hidden / 64, 32, intermediate, context, 1e6,
                1e-6, true, List.of(0));
    }

    int kept() {
        return Math.max(1, (int) Math.ceil(keepRollouts * prompts * groupSize));
    }

    MemoryPlan predicted() {
        Workload workload = new Workload(config, policy, reference, prompts, groupSize, promptTokens,
                maxTokens, kept(), promptTokens + maxTokens, maxTokens, keepTokens);
        return new MemoryPlanner(1, 0, BASE).predict(workload, settings);
    }

}

package dev.d3s.server.wiring;

import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.torch.TorchPolicy;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.policy.torch.TorchReferencePolicy;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.onnx.OnnxRolloutEngine;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;
import dev.d3s.server.training.Engines;

/**
 * Trains in libtorch and generates in ONNX Runtime, each with all the cores: the two never work at the same time.
 *
 * @param cores processor threads for an engine
 * @param planned how a run uses the machine; {@code null} chooses by the model alone
 * @param stopRequested what abandons their work
 */
public record OnnxTorchEngines(int cores, @Nullable EngineSettings planned,
        BooleanSupplier stopRequested) implements Engines {
    public OnnxTorchEngines(int cores) {
        this(cores, null, () -> false);
    }

    @Override
    public Engines until(BooleanSupplier stop) {
        return new OnnxTorchEngines(cores, planned, stop);
    }

    @Override
    public Engines with(EngineSettings settings) {
        return new OnnxTorchEngines(cores, settings, stopRequested);
    }

    @Override
    public Policy policy(ModelConfig config, Weights initial, PolicySettings settings, long seed) {
        return TorchPolicy.open(config, initial, trainer(config, settings), seed).until(stopRequested);
    }

    @Override
    public ReferencePolicy reference(ModelConfig config, Weights weights, PolicySettings settings) {
        return TorchReferencePolicy.open(config, weights, trainer(config, settings)).until(stopRequested);
    }

    private TorchPolicySettings trainer(ModelConfig config, PolicySettings settings) {
        return planned == null
                ? TorchPolicySettings.forModel(config, cores, settings)
                : planned.trainer(config, settings);
    }

    @Override
    public RolloutEngine rollouts(ModelConfig config, Weights live, int maxSequenceLength, long tokensPerRefresh,
            @Nullable RefreshMode mode) {
        if (planned != null) {
            return OnnxRolloutEngine.open(config, live,
                    planned.rollouts(config, maxSequenceLength, tokensPerRefresh, mode), stopRequested);
        }
        OnnxRolloutSettings settings = OnnxRolloutSettings.forModel(config, cores, maxSequenceLength, tokensPerRefresh);
        return OnnxRolloutEngine.open(config, live, mode == null ? settings : settings.with(mode), stopRequested);
    }
}

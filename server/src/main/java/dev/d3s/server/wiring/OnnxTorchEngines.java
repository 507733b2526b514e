package dev.d3s.server.wiring;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
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
 */
public record OnnxTorchEngines(int cores) implements Engines {
    @Override
    public Policy policy(ModelConfig config, Weights initial, PolicySettings settings, long seed) {
        return TorchPolicy.open(config, initial, TorchPolicySettings.forModel(config, cores, settings), seed);
    }

    @Override
    public ReferencePolicy reference(ModelConfig config, Weights weights, PolicySettings settings) {
        return TorchReferencePolicy.open(config, weights, TorchPolicySettings.forModel(config, cores, settings));
    }

    @Override
    public RolloutEngine rollouts(ModelConfig config, Weights live, int maxSequenceLength, long tokensPerRefresh,
            @Nullable RefreshMode mode) {
        OnnxRolloutSettings settings = OnnxRolloutSettings.forModel(config, cores, maxSequenceLength, tokensPerRefresh);
        return OnnxRolloutEngine.open(config, live, mode == null ? settings : settings.with(mode));
    }
}

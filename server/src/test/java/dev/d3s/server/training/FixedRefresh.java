package dev.d3s.server.training;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.wiring.OnnxTorchEngines;

/**
 * The real engines with a given refresh mode where a run would measure which is faster: two runs may measure differently,
 * and the modes' kernels differ in the last bits.
 *
 * @param resumed the modes that resumed runs asked for
 */
record FixedRefresh(Engines real, RefreshMode first, List<RefreshMode> resumed) implements Engines {
    FixedRefresh(RefreshMode first) {
        this(new OnnxTorchEngines(Runtime.getRuntime().availableProcessors()), first, new ArrayList<>());
    }

    @Override
    public Engines until(BooleanSupplier stopRequested) {
        return new FixedRefresh(real.until(stopRequested), first, resumed);
    }

    @Override
    public Policy policy(ModelConfig config, Weights initial, PolicySettings settings, long seed) {
        return real.policy(config, initial, settings, seed);
    }

    @Override
    public ReferencePolicy reference(ModelConfig config, Weights weights, PolicySettings settings) {
        return real.reference(config, weights, settings);
    }

    @Override
    public RolloutEngine rollouts(ModelConfig config, Weights live, int maxSequenceLength, long tokensPerRefresh,
            @Nullable RefreshMode mode) {
        if (mode != null) {
            resumed.add(mode);
        }
        return real.rollouts(config, live, maxSequenceLength, tokensPerRefresh, mode == null ? first : mode);
    }
}

package dev.d3s.server.training;

import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;

/** Opens the two engines of a run. The one place where a run learns which engines there are. */
public interface Engines {
    /**
     * A policy that starts from a copy of the given weights.
     *
     * @param seed of the adapters' first values
     */
    Policy policy(ModelConfig config, Weights initial, PolicySettings settings, long seed);

    /** The frozen policy of the KL term: a copy of the given weights, without gradients and moments. */
    ReferencePolicy reference(ModelConfig config, Weights weights, PolicySettings settings);

    /**
     * A rollout engine over live weights.
     *
     * @param maxSequenceLength prompt and completion tokens of the longest sequence it will see
     * @param tokensPerRefresh completion tokens expected between two weight changes
     * @param mode how it takes over weights; {@code null} to measure
     */
    RolloutEngine rollouts(ModelConfig config, Weights live, int maxSequenceLength, long tokensPerRefresh,
            @Nullable RefreshMode mode);

    /**
     * The same engines for a run that may be told to stop: what they do is then abandoned between two micro-steps (a decode
     * step, a micro-batch) with a {@link java.util.concurrent.CancellationException}. An update that is abandoned has changed
     * nothing.
     *
     * @param stopRequested asked often, on the engines' threads
     */
    default Engines until(BooleanSupplier stopRequested) {
        return this;
    }

    /** The same engines, which use the machine like this. */
    default Engines with(EngineSettings settings) {
        return this;
    }
}

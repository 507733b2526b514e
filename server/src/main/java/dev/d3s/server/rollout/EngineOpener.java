package dev.d3s.server.rollout;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;

/** Opens a serving engine over weights that stay their owner's. */
@FunctionalInterface
public interface EngineOpener {
    ServingEngine open(ModelConfig config, Weights weights);
}

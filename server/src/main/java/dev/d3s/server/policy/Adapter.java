package dev.d3s.server.policy;

import dev.d3s.server.model.Weights;

/**
 * A policy's LoRA adapters.
 *
 * @param settings how they are applied
 * @param values live views of A and B under the names of {@link LoraSettings#parameters}
 */
public record Adapter(LoraSettings settings, Weights values) {}

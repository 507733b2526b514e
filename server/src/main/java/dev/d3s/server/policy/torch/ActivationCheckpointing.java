package dev.d3s.server.policy.torch;

/** What a forward pass keeps for the backward pass. */
public enum ActivationCheckpointing {
    /** Everything that the backward pass needs. */
    NONE,
    /** The input of each layer; the layer is computed a second time when its gradient is due. */
    LAYER
}

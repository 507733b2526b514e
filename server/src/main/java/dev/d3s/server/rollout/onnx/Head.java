package dev.d3s.server.rollout.onnx;

/** What the graph does with the last hidden states. */
enum Head {
    /** Draws tokens, each row by its own settings, or scores given ones. */
    SAMPLING,
    /** Hands out the logits. Only the benchmark uses it, to show what that costs. */
    LOGITS
}

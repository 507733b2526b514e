package dev.d3s.server.rollout.onnx;

/** What the graph does with the last hidden states. */
enum Head {
    /** Draws from the whole tempered distribution, takes the most likely token, or scores a given one. */
    SAMPLING,
    /** Like {@link #SAMPLING}, but draws from a distribution cut by top-k, top-p and min-p. */
    TRUNCATED,
    /** Hands out the logits. Only the benchmark uses it, to show what that costs. */
    LOGITS
}

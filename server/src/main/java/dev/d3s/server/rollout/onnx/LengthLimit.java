package dev.d3s.server.rollout.onnx;

/** A limit of its own for each completion, below the sampling settings' one. */
@FunctionalInterface
interface LengthLimit {
    /** No further limit. */
    LengthLimit NONE = (request, completion) -> Integer.MAX_VALUE;

    /** Most tokens of this completion, at least 1. */
    int of(int request, int completion);
}

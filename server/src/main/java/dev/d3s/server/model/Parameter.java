package dev.d3s.server.model;

/**
 * One tensor as both engines hold it: query, key and value projections are packed into one, gate and up projections into
 * another, each by stacking rows, so that the Hugging Face tensors are contiguous row ranges of it.
 *
 * @param name the packed name, e.g. {@code model.layers.0.self_attn.qkv_proj.weight}
 * @param shape {@code [out, in]} for matrices, {@code [n]} for vectors
 */
public record Parameter(String name, long[] shape) {
    /** Number of values. */
    public long size() {
        long size = 1;
        for (long dimension : shape) {
            size *= dimension;
        }
        return size;
    }
}

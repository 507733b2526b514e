/**
 * The rollout engine on ONNX Runtime: one graph for prefill, decode, sampling and scoring, run by workers that keep their
 * slots full. The only package that imports {@code ai.onnxruntime} and {@code ai.onnx.proto}.
 *
 * <p>
 * Shapes in these docs: B prompts in one run, S tokens of each, n slots in use, R rows for the head, V vocabulary, T
 * positions of a KV buffer.
 */
@NullMarked
package dev.d3s.server.rollout.onnx;

import org.jspecify.annotations.NullMarked;

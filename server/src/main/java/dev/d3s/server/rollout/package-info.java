/** Generates completions; {@code rollout.onnx} runs the model in ONNX Runtime. */
@NullMarked
package dev.d3s.server.rollout;

import org.jspecify.annotations.NullMarked;

/**
 * The policy in libtorch: one TorchScript call per micro-batch and one per optimizer step, on threads of its own.
 */
@NullMarked
package dev.d3s.server.policy.torch;

import org.jspecify.annotations.NullMarked;

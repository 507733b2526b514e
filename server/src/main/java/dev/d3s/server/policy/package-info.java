/** The policy that is trained and the frozen reference; {@code policy.torch} runs it in libtorch. */
@NullMarked
package dev.d3s.server.policy;

import org.jspecify.annotations.NullMarked;

/**
 * The contract between D3S Server and its plugins: what a plugin offers ({@link dev.d3s.spi.Plugin}), how it is named
 * and configured ({@link dev.d3s.spi.PluginFactory}), and the four things it can be.
 *
 * <p>
 * Shapes in these docs: P prompts, G group size, R = P * G rollouts, T tokens, K kept.
 */
@NullMarked
package dev.d3s.spi;

import org.jspecify.annotations.NullMarked;

/** Reward functions that need nothing but the completion and the dataset row. */
@NullMarked
package dev.d3s.plugins.graders;

import org.jspecify.annotations.NullMarked;

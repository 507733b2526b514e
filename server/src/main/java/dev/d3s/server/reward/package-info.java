/** Runs graders: many at once, each with a time limit, one failure costing one rollout. */
@NullMarked
package dev.d3s.server.reward;

import org.jspecify.annotations.NullMarked;

/** Evaluations of models on demand: asked for, queued, run row by row, and kept. */
@NullMarked
package dev.d3s.server.eval;

import org.jspecify.annotations.NullMarked;

/** How good a model is on a dataset: estimators, and evaluations on demand. */
@NullMarked
package dev.d3s.server.evaluation;

import org.jspecify.annotations.NullMarked;

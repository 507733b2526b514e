/** Applies and checks rollout and token selections. Pure arithmetic. */
@NullMarked
package dev.d3s.server.selection;

import org.jspecify.annotations.NullMarked;

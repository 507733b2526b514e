/** Group-relative advantages. Pure arithmetic. */
@NullMarked
package dev.d3s.server.advantage;

import org.jspecify.annotations.NullMarked;

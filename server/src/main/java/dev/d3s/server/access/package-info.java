/** Who asks, and what they may do. */
@NullMarked
package dev.d3s.server.access;

import org.jspecify.annotations.NullMarked;

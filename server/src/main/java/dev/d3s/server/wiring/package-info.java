/** Puts the parts together, begins with them and ends them. */
@NullMarked
package dev.d3s.server.wiring;

import org.jspecify.annotations.NullMarked;

/** Puts the parts together. */
@NullMarked
package dev.d3s.server.wiring;

import org.jspecify.annotations.NullMarked;

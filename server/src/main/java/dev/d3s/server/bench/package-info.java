/** {@code ./d3s bench}: what each idea in the engines is worth on this machine. */
@NullMarked
package dev.d3s.server.bench;

import org.jspecify.annotations.NullMarked;

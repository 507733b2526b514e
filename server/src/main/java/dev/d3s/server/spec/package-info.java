/** What jobs and evaluations are to do: read from JSON with every mistake, and checked against what there is. */
@NullMarked
package dev.d3s.server.spec;

import org.jspecify.annotations.NullMarked;

/** The training loops and what they report. */
@NullMarked
package dev.d3s.server.training;

import org.jspecify.annotations.NullMarked;

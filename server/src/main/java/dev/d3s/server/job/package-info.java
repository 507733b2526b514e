/** Jobs: their queue and runs, their checkpoints, and everything about them that survives a restart. */
@NullMarked
package dev.d3s.server.job;

import org.jspecify.annotations.NullMarked;

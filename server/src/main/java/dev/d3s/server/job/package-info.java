/** Jobs: what was asked for, how far it is, and everything about it that survives a restart. */
@NullMarked
package dev.d3s.server.job;

import org.jspecify.annotations.NullMarked;

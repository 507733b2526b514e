/** Who asks, what they may do, and what is kept of it: keys, the audit log, and the names of requests that come again. */
@NullMarked
package dev.d3s.server.access;

import org.jspecify.annotations.NullMarked;

/** What runs in a terminal beside the server, as a client of its HTTP API. */
@NullMarked
package dev.d3s.server.cli;

import org.jspecify.annotations.NullMarked;

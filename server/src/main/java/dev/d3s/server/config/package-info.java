/** The configuration of the server. */
@NullMarked
package dev.d3s.server.config;

import org.jspecify.annotations.NullMarked;

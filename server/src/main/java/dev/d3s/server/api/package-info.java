/** The HTTP API: OpenAI wire format, see {@code GET /q/openapi}. */
@NullMarked
package dev.d3s.server.api;

import org.jspecify.annotations.NullMarked;

/** What the server tells those who watch it: metrics, traces, health. The only place with Micrometer and OpenTelemetry. */
@NullMarked
package dev.d3s.server.telemetry;

import org.jspecify.annotations.NullMarked;

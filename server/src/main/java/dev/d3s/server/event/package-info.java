/** Event logs of jobs and models: stored, read page by page, and followed as they grow. */
@NullMarked
package dev.d3s.server.event;

import org.jspecify.annotations.NullMarked;

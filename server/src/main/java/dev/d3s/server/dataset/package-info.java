/** Rows of JSON Lines files as prompts. */
@NullMarked
package dev.d3s.server.dataset;

import org.jspecify.annotations.NullMarked;

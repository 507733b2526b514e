/** Rows of JSON Lines and Parquet files as prompts. */
@NullMarked
package dev.d3s.server.dataset;

import org.jspecify.annotations.NullMarked;

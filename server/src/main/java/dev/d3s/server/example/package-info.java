/**
 * The example that the demo and the tests learn: sums of three-digit numbers with worked steps, a sloppy teacher, and small models with real tokenizer files.
 */
@NullMarked
package dev.d3s.server.example;

import org.jspecify.annotations.NullMarked;

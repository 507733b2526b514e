/**
 * A language model on disk and in memory: its configuration, its weights in the engines' layout, its tokenizer, and the
 * Hugging Face directory that holds them.
 */
@NullMarked
package dev.d3s.server.model;

import org.jspecify.annotations.NullMarked;

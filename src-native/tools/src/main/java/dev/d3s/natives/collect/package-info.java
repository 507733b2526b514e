/** {@code ./d3s natives}: the engines' native libraries of a platform, from their Maven artifacts into one directory. */
@NullMarked
package dev.d3s.natives.collect;

import org.jspecify.annotations.NullMarked;

/** Rules that the files in {@code containers/} keep; there is no container engine where the project is tested. */
@NullMarked
package dev.d3s.natives.containers;

import org.jspecify.annotations.NullMarked;

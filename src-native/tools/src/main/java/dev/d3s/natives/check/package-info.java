/** {@code ./d3s native-check}: whether a native executable would know at run time what the application asks for there. */
@NullMarked
package dev.d3s.natives.check;

import org.jspecify.annotations.NullMarked;

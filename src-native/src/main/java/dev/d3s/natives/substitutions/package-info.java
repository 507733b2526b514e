/**
 * What a native executable does instead of what its libraries do. The builder finds these classes by their annotations; no
 * JVM ever loads them.
 */
@NullMarked
package dev.d3s.natives.substitutions;

import org.jspecify.annotations.NullMarked;

/**
 * {@code ./d3s native-check --record}: a Java agent that writes down what code asks for by name while a program runs. Its
 * classes are on the boot class path of that program, so that all of its class loaders see them; they need the JDK only.
 */
@NullMarked
package dev.d3s.natives.record;

import org.jspecify.annotations.NullMarked;

/**
 * What runs below the JVM: TorchScript programs and the archives libtorch reads them from, and where the native libraries
 * of both engines are.
 */
@NullMarked
package dev.d3s.natives;

import org.jspecify.annotations.NullMarked;

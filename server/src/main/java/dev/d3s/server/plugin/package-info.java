/** Finds plugins by ServiceLoader, chooses them by name, and wraps them in checks of their contract. */
@NullMarked
package dev.d3s.server.plugin;

import org.jspecify.annotations.NullMarked;

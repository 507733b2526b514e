/** Which models there are: registered, downloaded, and made by jobs. */
@NullMarked
package dev.d3s.server.registry;

import org.jspecify.annotations.NullMarked;

/** Fair shares: what organizations have used of the engines, and whose turn it is. */
@NullMarked
package dev.d3s.server.share;

import org.jspecify.annotations.NullMarked;

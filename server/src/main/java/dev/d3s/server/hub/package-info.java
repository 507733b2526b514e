/** Downloads models from a hub that speaks Hugging Face's protocol. */
@NullMarked
package dev.d3s.server.hub;

import org.jspecify.annotations.NullMarked;

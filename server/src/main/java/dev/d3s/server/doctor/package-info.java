/** {@code ./d3s doctor}: what the machine offers and what is misconfigured, without starting a server. */
@NullMarked
package dev.d3s.server.doctor;

import org.jspecify.annotations.NullMarked;

/** What clients ask for, and what is wrong with it. */
@NullMarked
package dev.d3s.server.request;

import org.jspecify.annotations.NullMarked;

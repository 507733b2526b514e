/** The database and the durable files underneath everything that is stored, and the turns of servers that share them. */
@NullMarked
package dev.d3s.server.store;

import org.jspecify.annotations.NullMarked;

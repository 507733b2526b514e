/** The part of the Jinja language that chat templates are written in, as Python's implementation understands it. */
@NullMarked
package dev.d3s.server.model.template;

import org.jspecify.annotations.NullMarked;

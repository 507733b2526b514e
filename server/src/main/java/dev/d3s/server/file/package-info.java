/** Uploaded files, and what organizations may take of the disk. */
@NullMarked
package dev.d3s.server.file;

import org.jspecify.annotations.NullMarked;

/** Tries graders before a job uses them. */
@NullMarked
package dev.d3s.server.grader;

import org.jspecify.annotations.NullMarked;

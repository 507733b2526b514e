/**
 * What a job needs before it begins: memory is predicted from the model's shape and the job's lengths, and the engines'
 * settings are chosen so that it fits. Pure arithmetic, except for {@link dev.d3s.server.planning.MachineMemory}.
 */
@NullMarked
package dev.d3s.server.planning;

import org.jspecify.annotations.NullMarked;

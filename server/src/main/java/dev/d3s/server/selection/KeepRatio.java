package dev.d3s.server.selection;

import dev.d3s.spi.Schedule;

/**
 * The keep ratio of one level over a run.
 *
 * @param schedule how it moves
 * @param from at the first step, in (0, 1]
 * @param to at the last step, in (0, 1]
 * @param totalSteps of the run, at least 1
 */
public record KeepRatio(Schedule schedule, double from, double to, int totalSteps) {
    /** @param step from 0 */
    public double at(int step) {
        return schedule.at(step, totalSteps, from, to);
    }
}

package dev.d3s.server.plugin;

import dev.d3s.spi.Schedule;

/** Holds a schedule to its contract. */
final class CheckedSchedule implements Schedule {
    /** Lets a plugin's arithmetic round across an end; the value is then that end. */
    private static final double ROUNDING = 1e-9;

    private final PluginGuard guard;
    private final Schedule schedule;

    CheckedSchedule(PluginGuard guard, Schedule schedule) {
        this.guard = guard;
        this.schedule = schedule;
    }

    @Override
    public double at(int step, int totalSteps, double from, double to) {
        double value = guard.call(() -> schedule.at(step, totalSteps, from, to));
        double lowest = Math.min(from, to);
        double highest = Math.max(from, to);
        // written so that NaN fails
        if (!(value >= lowest - ROUNDING && value <= highest + ROUNDING)) {
            throw guard
                .broken("at step " + step + " of " + totalSteps + " it returned " + value + ", which is not between "
                        + lowest + " and " + highest + ".");
        }
        return Math.clamp(value, lowest, highest);
    }
}

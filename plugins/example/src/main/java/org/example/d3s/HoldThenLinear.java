package org.example.d3s;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/** Stays at {@code from} for a share of the run, then goes to {@code to} in a straight line. */
final class HoldThenLinear implements Schedule {
    private final double hold;

    HoldThenLinear(double hold) {
        this.hold = hold;
    }

    @Override
    public double at(int step, int totalSteps, double from, double to) {
        // the last step is totalSteps - 1; a run of one step has no progress
        double progress = totalSteps == 1 ? 0 : (double) step / (totalSteps - 1);
        double moved = Math.max(0, (progress - hold) / (1 - hold));
        return (1 - moved) * from + moved * to;
    }

    static final class Factory implements ScheduleFactory {
        @Override
        public String name() {
            return "hold-then-linear";
        }

        @Override
        public String description() {
            return "The first step's value for a share of the run, then in a straight line to the last step's.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Real("hold", 0.3, 0, false, 0.9, "share of the run that stays at the start"));
        }

        @Override
        public Schedule create(PluginConfig config) {
            return new HoldThenLinear(config.real("hold"));
        }
    }
}

package dev.d3s.plugins.d3s;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/** {@code constant}: always {@code from}; {@code to} is not used. */
final class ConstantSchedule implements Schedule {
    @Override
    public double at(int step, int totalSteps, double from, double to) {
        return from;
    }

    static final class Factory implements ScheduleFactory {
        @Override
        public String name() {
            return "constant";
        }

        @Override
        public String description() {
            return "The first step's value throughout.";
        }

        @Override
        public Schedule create(PluginConfig config) {
            return new ConstantSchedule();
        }
    }
}

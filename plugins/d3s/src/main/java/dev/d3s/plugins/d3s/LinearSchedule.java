package dev.d3s.plugins.d3s;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/**
 * {@code linear}: (1 - p) * from + p * to (arXiv 2509.22115, section 3.3). Ours: p = step / (totalSteps - 1), so that the
 * last step reaches {@code to}; a run of one step stays at {@code from}.
 */
final class LinearSchedule implements Schedule {
    @Override
    public double at(int step, int totalSteps, double from, double to) {
        return Progress.between(from, to, Progress.of(step, totalSteps));
    }

    static final class Factory implements ScheduleFactory {
        @Override
        public String name() {
            return "linear";
        }

        @Override
        public String description() {
            return "In a straight line from the first step's value to the last step's.";
        }

        @Override
        public Schedule create(PluginConfig config) {
            return new LinearSchedule();
        }
    }
}

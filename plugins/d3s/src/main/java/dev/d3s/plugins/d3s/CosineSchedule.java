package dev.d3s.plugins.d3s;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/**
 * {@code cosine}: half a cosine wave, from + (to - from) * (1 - cos(pi * p)) / 2: slow at both ends, fastest in the middle
 * (the shape is that of learning-rate annealing, arXiv 1608.03983, equation 5). Ours: its use for keep ratios;
 * p = step / (totalSteps - 1) as in {@link LinearSchedule}.
 */
final class CosineSchedule implements Schedule {
    @Override
    public double at(int step, int totalSteps, double from, double to) {
        return Progress.between(from, to, (1 - Math.cos(Math.PI * Progress.of(step, totalSteps))) / 2);
    }

    static final class Factory implements ScheduleFactory {
        @Override
        public String name() {
            return "cosine";
        }

        @Override
        public String description() {
            return "In half a cosine wave from the first step's value to the last step's: slow at both ends.";
        }

        @Override
        public Schedule create(PluginConfig config) {
            return new CosineSchedule();
        }
    }
}

package dev.d3s.plugins.testkit.sample;

import java.util.List;

import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/** A plugin with one schedule; tests put its class file into jars that are right or wrong. */
public class GoodPlugin implements Plugin {
    /** Always {@code from}. */
    static final class Factory implements ScheduleFactory {
        @Override
        public String name() {
            return "still";
        }

        @Override
        public String description() {
            return "Always the same.";
        }

        @Override
        public Schedule create(PluginConfig config) {
            return (step, totalSteps, from, to) -> from;
        }
    }

    @Override
    public List<ScheduleFactory> schedules() {
        return List.of(new Factory());
    }
}

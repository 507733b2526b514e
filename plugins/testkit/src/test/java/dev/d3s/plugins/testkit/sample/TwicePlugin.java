package dev.d3s.plugins.testkit.sample;

import java.util.List;

import dev.d3s.spi.ScheduleFactory;

/** A plugin that offers a name twice. */
public final class TwicePlugin extends GoodPlugin {
    @Override
    public List<ScheduleFactory> schedules() {
        return List.of(new Factory(), new Factory());
    }
}

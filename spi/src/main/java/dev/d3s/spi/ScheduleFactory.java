package dev.d3s.spi;

/** Makes {@link Schedule}s; see {@link PluginFactory} for when it is called. */
public interface ScheduleFactory extends PluginFactory<Schedule> {}

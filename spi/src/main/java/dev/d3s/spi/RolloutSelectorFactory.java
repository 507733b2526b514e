package dev.d3s.spi;

/** Makes {@link RolloutSelector}s; see {@link PluginFactory} for when it is called. */
public interface RolloutSelectorFactory extends PluginFactory<RolloutSelector> {}

package dev.d3s.spi;

/** Makes {@link RewardFunction}s; see {@link PluginFactory} for when it is called. */
public interface RewardFunctionFactory extends PluginFactory<RewardFunction> {}

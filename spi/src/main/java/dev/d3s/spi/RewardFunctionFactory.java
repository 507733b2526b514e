package dev.d3s.spi;

/**
 * Makes {@link RewardFunction}s; see {@link PluginFactory} for when it is called. In a job a grader's options stand beside its
 * name, which is the member {@code type}: so no key has that name.
 */
public interface RewardFunctionFactory extends PluginFactory<RewardFunction> {}

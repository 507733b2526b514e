package dev.d3s.spi;

/** Makes {@link TokenSelector}s; see {@link PluginFactory} for when it is called. */
public interface TokenSelectorFactory extends PluginFactory<TokenSelector> {}

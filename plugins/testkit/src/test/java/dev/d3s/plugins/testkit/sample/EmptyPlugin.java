package dev.d3s.plugins.testkit.sample;

import dev.d3s.spi.Plugin;

/** A plugin that offers nothing. */
public final class EmptyPlugin implements Plugin {}

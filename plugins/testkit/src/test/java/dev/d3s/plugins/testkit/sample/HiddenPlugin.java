package dev.d3s.plugins.testkit.sample;

/** A plugin whose constructor ServiceLoader may not call. */
public final class HiddenPlugin extends GoodPlugin {
    HiddenPlugin() {}
}

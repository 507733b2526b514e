package dev.d3s.plugins.baselines;

import dev.d3s.plugins.testkit.PluginContract;
import dev.d3s.spi.Plugin;

class BaselinesPluginTest extends PluginContract {
    @Override
    protected Plugin plugin() {
        return new BaselinesPlugin();
    }
}

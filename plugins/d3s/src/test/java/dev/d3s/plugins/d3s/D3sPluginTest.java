package dev.d3s.plugins.d3s;

import dev.d3s.plugins.testkit.PluginContract;
import dev.d3s.spi.Plugin;

class D3sPluginTest extends PluginContract {
    @Override
    protected Plugin plugin() {
        return new D3sPlugin();
    }
}

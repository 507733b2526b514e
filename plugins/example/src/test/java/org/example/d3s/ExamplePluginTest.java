package org.example.d3s;

import dev.d3s.plugins.testkit.PluginContract;
import dev.d3s.spi.Plugin;

class ExamplePluginTest extends PluginContract {
    @Override
    protected Plugin plugin() {
        return new ExamplePlugin();
    }
}

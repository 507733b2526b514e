package dev.d3s.plugins.graders;

import dev.d3s.plugins.testkit.PluginContract;
import dev.d3s.spi.Plugin;

class GradersPluginTest extends PluginContract {
    @Override
    protected Plugin plugin() {
        return new GradersPlugin();
    }
}

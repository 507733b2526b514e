package dev.d3s.server.training;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Supplier;

import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.plugin.Plugins;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.TokenSelector;

/** What a test adds to the plugins of the server. */
final class TestPlugins {
    /** The name of a grader that {@link #DIGITS} is. */
    static final String DIGITS_NAME = "digits";

    /** The share of digits in the completion: also a policy with random weights earns different rewards. */
    static final RewardFunction DIGITS = input -> {
        long digits = input.completion().chars().filter(Character::isDigit).count();
        return (double) digits / (input.completion().length() + 1);
    };

    private final Plugins plugins = new Plugins();

    TestPlugins grader(String name, RewardFunction function) {
        plugins.rewardFunction(name, List.of(), config -> function);
        return this;
    }

    TestPlugins rolloutSelector(String name, RolloutSelector selector) {
        plugins.rolloutSelector(name, selector);
        return this;
    }

    TestPlugins rolloutSelectors(String name, Supplier<? extends RolloutSelector> selectors) {
        plugins.rolloutSelectors(name, selectors);
        return this;
    }

    TestPlugins tokenSelector(String name, TokenSelector selector) {
        plugins.tokenSelector(name, selector);
        return this;
    }

    /** These, {@link #DIGITS}, and everything the server has. */
    PluginRegistry registry() {
        return registry(PluginRegistry.DEFAULT_TIME_LIMIT);
    }

    PluginRegistry registry(Duration timeLimit) {
        List<Plugin> all = new ArrayList<>();
        ServiceLoader.load(Plugin.class).forEach(all::add);
        grader(DIGITS_NAME, DIGITS);
        all.add(plugins);
        return new PluginRegistry(all, timeLimit);
    }
}

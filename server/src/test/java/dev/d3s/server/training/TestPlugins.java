package dev.d3s.server.training;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/** What a test adds to the plugins of the server. */
final class TestPlugins implements Plugin {
    /** The name of a grader that {@link #DIGITS} is. */
    static final String DIGITS_NAME = "digits";

    /** The share of digits in the completion: also a policy with random weights earns different rewards. */
    static final RewardFunction DIGITS = input -> {
        long digits = input.completion().chars().filter(Character::isDigit).count();
        return (double) digits / (input.completion().length() + 1);
    };

    private final List<RewardFunctionFactory> graders = new ArrayList<>();
    private final List<RolloutSelectorFactory> rolloutSelectors = new ArrayList<>();
    private final List<TokenSelectorFactory> tokenSelectors = new ArrayList<>();

    private record Grader(String name, RewardFunction function) implements RewardFunctionFactory {
        @Override
        public String description() {
            return "A test's grader.";
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return function;
        }
    }

    private record Rollouts(String name, RolloutSelector selector) implements RolloutSelectorFactory {
        @Override
        public String description() {
            return "A test's rollout selector.";
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return selector;
        }
    }

    private record Tokens(String name, TokenSelector selector) implements TokenSelectorFactory {
        @Override
        public String description() {
            return "A test's token selector.";
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return selector;
        }
    }

    TestPlugins grader(String name, RewardFunction function) {
        graders.add(new Grader(name, function));
        return this;
    }

    TestPlugins rolloutSelector(String name, RolloutSelector selector) {
        rolloutSelectors.add(new Rollouts(name, selector));
        return this;
    }

    TestPlugins tokenSelector(String name, TokenSelector selector) {
        tokenSelectors.add(new Tokens(name, selector));
        return this;
    }

    /** These, {@link #DIGITS}, and everything the server has. */
    PluginRegistry registry() {
        List<Plugin> plugins = new ArrayList<>();
        ServiceLoader.load(Plugin.class).forEach(plugins::add);
        plugins.add(grader(DIGITS_NAME, DIGITS));
        return new PluginRegistry(plugins);
    }

    @Override
    public List<RewardFunctionFactory> rewardFunctions() {
        return graders;
    }

    @Override
    public List<RolloutSelectorFactory> rolloutSelectors() {
        return rolloutSelectors;
    }

    @Override
    public List<TokenSelectorFactory> tokenSelectors() {
        return tokenSelectors;
    }
}

package dev.d3s.server.plugin;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/** A plugin put together by a test. */
public final class Plugins implements Plugin {
    private final List<RolloutSelectorFactory> rolloutSelectors = new ArrayList<>();
    private final List<TokenSelectorFactory> tokenSelectors = new ArrayList<>();
    private final List<ScheduleFactory> schedules = new ArrayList<>();
    private final List<RewardFunctionFactory> rewardFunctions = new ArrayList<>();

    public Plugins rolloutSelector(String name, RolloutSelector selector) {
        return rolloutSelectors(name, () -> selector);
    }

    /** One that is made anew for each job. */
    public Plugins rolloutSelectors(String name, Supplier<? extends RolloutSelector> selectors) {
        rolloutSelectors.add(new RolloutSelectorFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public String description() {
                return "A test's selector.";
            }

            @Override
            public RolloutSelector create(PluginConfig config) {
                return selectors.get();
            }
        });
        return this;
    }

    public Plugins tokenSelector(String name, TokenSelector selector) {
        tokenSelectors.add(new TokenSelectorFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public String description() {
                return "A test's selector.";
            }

            @Override
            public TokenSelector create(PluginConfig config) {
                return selector;
            }
        });
        return this;
    }

    public Plugins schedule(String name, Schedule schedule) {
        schedules.add(new ScheduleFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public String description() {
                return "A test's schedule.";
            }

            @Override
            public Schedule create(PluginConfig config) {
                return schedule;
            }
        });
        return this;
    }

    public Plugins rewardFunction(String name, List<ConfigKey> keys, Function<PluginConfig, RewardFunction> create) {
        rewardFunctions.add(new RewardFunctionFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public String description() {
                return "A test's grader.";
            }

            @Override
            public List<ConfigKey> configKeys() {
                return keys;
            }

            @Override
            public RewardFunction create(PluginConfig config) {
                return create.apply(config);
            }
        });
        return this;
    }

    @Override
    public List<RolloutSelectorFactory> rolloutSelectors() {
        return rolloutSelectors;
    }

    @Override
    public List<TokenSelectorFactory> tokenSelectors() {
        return tokenSelectors;
    }

    @Override
    public List<ScheduleFactory> schedules() {
        return schedules;
    }

    @Override
    public List<RewardFunctionFactory> rewardFunctions() {
        return rewardFunctions;
    }
}

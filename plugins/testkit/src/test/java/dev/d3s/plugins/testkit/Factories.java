package dev.d3s.plugins.testkit;

import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.PluginFactory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/** Factories of what a test makes, good or bad. */
final class Factories {
    private Factories() {}

    /** What the four kinds have in common; also null where the contract forbids it. */
    private abstract static class Given<T> implements PluginFactory<T> {
        private final String name;
        private final String description;
        private final List<ConfigKey> keys;
        private final Function<PluginConfig, T> made;

        Given(@Nullable String name, @Nullable String description, List<ConfigKey> keys,
                Function<PluginConfig, T> made) {
            this.name = unchecked(name);
            this.description = unchecked(description);
            this.keys = keys;
            this.made = made;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public String description() {
            return description;
        }

        @Override
        public List<ConfigKey> configKeys() {
            return keys;
        }

        @Override
        public T create(PluginConfig config) {
            return made.apply(config);
        }
    }

    /** Lets a plugin be as wrong as one that was compiled without our checks. */
    @SuppressWarnings("NullAway")
    static <T> T unchecked(@Nullable T value) {
        return value;
    }

    static RolloutSelectorFactory rollouts(Supplier<RolloutSelector> made) {
        return rollouts("rollouts", "As given.", List.of(), config -> made.get());
    }

    static RolloutSelectorFactory rollouts(@Nullable String name, @Nullable String description, List<ConfigKey> keys,
            Function<PluginConfig, RolloutSelector> made) {
        class Rollouts extends Given<RolloutSelector> implements RolloutSelectorFactory {
            Rollouts() {
                super(name, description, keys, made);
            }
        }
        return new Rollouts();
    }

    static TokenSelectorFactory tokens(Supplier<TokenSelector> made) {
        class Tokens extends Given<TokenSelector> implements TokenSelectorFactory {
            Tokens() {
                super("tokens", "As given.", List.of(), config -> made.get());
            }
        }
        return new Tokens();
    }

    static ScheduleFactory schedule(Supplier<Schedule> made) {
        class Schedules extends Given<Schedule> implements ScheduleFactory {
            Schedules() {
                super("schedule", "As given.", List.of(), config -> made.get());
            }
        }
        return new Schedules();
    }

    static RewardFunctionFactory grader(List<ConfigKey> keys, Supplier<RewardFunction> made) {
        class Graders extends Given<RewardFunction> implements RewardFunctionFactory {
            Graders() {
                super("grader", "As given.", keys, config -> made.get());
            }
        }
        return new Graders();
    }
}

package dev.d3s.plugins.testkit;

import static dev.d3s.plugins.testkit.Factories.rollouts;
import static dev.d3s.plugins.testkit.Factories.unchecked;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/** What the contracts of all kinds check of a factory, shown with a rollout selector's. */
class FactoryContractTest {
    /** An author's test. */
    static final class Subject extends RolloutSelectorContract {
        private static RolloutSelectorFactory factory = named("good");
        private static Map<String, Object> config = Map.of();

        @Override
        protected RolloutSelectorFactory factory() {
            return factory;
        }

        @Override
        protected Map<String, Object> config() {
            return config;
        }

        static void use(RolloutSelectorFactory given, Map<String, Object> with) {
            factory = given;
            config = with;
        }
    }

    private static RolloutSelector none(@Nullable PluginConfig config) {
        return (batch, keepRatio, seed) -> RolloutSelection.of();
    }

    private static RolloutSelectorFactory named(@Nullable String name) {
        return rollouts(name, "Keeps nothing.", List.of(), FactoryContractTest::none);
    }

    private static RolloutSelectorFactory declaring(ConfigKey... keys) {
        return making(FactoryContractTest::none, keys);
    }

    private static RolloutSelectorFactory making(Function<PluginConfig, RolloutSelector> made, ConfigKey... keys) {
        return rollouts("good", "Keeps nothing.", List.of(keys), made);
    }

    private static ConfigKey flag(String name) {
        return new ConfigKey.Flag(name, false, "whether");
    }

    private static final ConfigKey MODE = new ConfigKey.Choice("mode", "fast", List.of("fast", "slow"), "how");

    @Test
    void shouldPassGoodFactories() {
        Subject.use(named("a1_b-c"), Map.of());
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(declaring(flag("strict"), MODE, new ConfigKey.Text("label", null, "what to call it"),
                new ConfigKey.Real("share", 0.5, 0, true, 1, "of what"),
                new ConfigKey.Whole("count", 3L, 1, 9, "how many")),
                Map.of("label", "x"));
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(making(config -> {
            if (config.whole("from") > config.whole("to")) {
                throw new InvalidConfigException(List.of(new ConfigProblem("from", "Key 'from' is above 'to'.")));
            }
            return none(config);
        }, new ConfigKey.Whole("from", 1L, 0, 9, "first"), new ConfigKey.Whole("to", 2L, 0, 9, "last")), Map.of());
        assertThat(Mistake.failures(Subject.class)).as("what ranges cannot express may be refused").isEmpty();
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldFind(Mistake mistake) {
        mistake.shouldBeFound();
    }

    private static Mistake mistake(String name, RolloutSelectorFactory factory, String check, String words) {
        return new Mistake(name, Subject.class, () -> Subject.use(factory, Map.of()), Map.of(check, words));
    }

    static List<Mistake> mistakes() {
        return List.of(mistake("a name in capitals", named("TopHalf"), "shouldHaveANameThatAJobCanWrite",
                "return lower-case letters, digits, - and _"),
                mistake("no name", named(null), "shouldHaveANameThatAJobCanWrite", "is null"),
                mistake("no description", rollouts("good", " ", List.of(), FactoryContractTest::none),
                        "shouldDescribeItselfInOneLine", "write one line"),
                mistake("a description of two lines",
                        rollouts("good", "One.\nTwo.", List.of(), FactoryContractTest::none),
                        "shouldDescribeItselfInOneLine", "write one line"),
                mistake("a key twice", declaring(flag("strict"), flag("strict")), "shouldDeclareEachKeyOnce",
                        "declare each key once"),
                mistake("a key in camel case", declaring(flag("keepAll")), "shouldDeclareEachKeyOnce",
                        "not snake_case"),
                mistake("a key that is not explained", declaring(new ConfigKey.Flag("strict", false, "")),
                        "shouldDeclareEachKeyOnce", "write one line"),
                mistake("a default outside its range", declaring(new ConfigKey.Whole("count", 0L, 1, 9, "how many")),
                        "shouldAllowItsOwnDefaults", "Change the default or the range"),
                mistake("an empty range", declaring(new ConfigKey.Whole("count", 5L, 9, 1, "how many")),
                        "shouldAllowItsOwnDefaults", "mend its range"),
                mistake("no choices", declaring(new ConfigKey.Choice("mode", "fast", List.of(), "how")),
                        "shouldAllowItsOwnDefaults", "mend its range"),
                mistake("makes null", making(config -> unchecked(null)), "shouldMakeSomethingOfEveryConfiguration",
                        "return a new instance"),
                mistake("does not know a word that it declares", making(config -> {
                    if (!config.text("mode").equals("fast")) {
                        throw new IllegalArgumentException("mode");
                    }
                    return none(config);
                }, MODE), "shouldMakeSomethingOfEveryConfiguration", "accept what the keys allow"),
                mistake("refuses a word that it declares", making(config -> {
                    if (!config.text("mode").equals("fast")) {
                        throw new InvalidConfigException(List.of(new ConfigProblem("mode", "Too slow.")));
                    }
                    return none(config);
                }, MODE), "shouldMakeSomethingOfEveryConfiguration", "Accept every declared word"),
                mistake("cannot take the end of its range", making(config -> {
                    if (config.whole("count") > 5) {
                        throw new ArithmeticException("overflow");
                    }
                    return none(config);
                }, new ConfigKey.Whole("count", 3L, 1, 9, "how many")), "shouldMakeSomethingOfEveryConfiguration",
                        "narrow their ranges"),
                mistake("reads a key that it does not declare", making(config -> {
                    if (config.flag("strict")) {
                        throw new IllegalStateException();
                    }
                    return none(config);
                }), "shouldMakeSomethingOfEveryConfiguration", "reads key 'strict' but does not declare it"),
                mistake("a test that does not give a required key",
                        declaring(new ConfigKey.Text("label", null, "what to call it")),
                        "shouldMakeSomethingOfEveryConfiguration", "Override config()"));
    }
}

package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.PluginFactory;

/**
 * What every factory promises, whatever it makes: the name, the description, the declared keys, and that it makes something of
 * every configuration it declares. Extended by the contracts of the four kinds.
 *
 * @param <T> what the factory makes
 * @param <F> the factory
 */
public abstract class FactoryContract<T, F extends PluginFactory<? extends T>> {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_-]*");
    private static final Pattern KEY = Pattern.compile("[a-z][a-z0-9_]*");

    FactoryContract() {}

    /** The factory under test. */
    protected abstract F factory();

    /** Values of the keys that have no default, and of others that the plugin cannot be tested without. */
    protected Map<String, Object> config() {
        return Map.of();
    }

    /**
     * Configurations under which everything is checked: {@link #config()}, and each of its variations by one key, with every
     * word of a choice, both values of a flag and both ends of a range. To be overridden by a plugin whose keys depend on each
     * other.
     */
    protected List<Map<String, Object>> configurations() {
        Set<Map<String, Object>> configurations = new LinkedHashSet<>();
        configurations.add(config());
        for (ConfigKey key : factory().configKeys()) {
            for (Object value : values(key)) {
                Map<String, Object> varied = new LinkedHashMap<>(config());
                varied.put(key.name(), value);
                configurations.add(varied);
            }
        }
        return List.copyOf(configurations);
    }

    private static List<Object> values(ConfigKey key) {
        return switch (key) {
            case ConfigKey.Real real -> List.of(
                    real.exclusiveMinimum() ? Math.nextUp(real.minimum()) : real.minimum(), real.maximum());
            case ConfigKey.Whole whole -> List.of(whole.minimum(), whole.maximum());
            case ConfigKey.Text text -> List.of();
            case ConfigKey.Choice choice -> List.copyOf(choice.choices());
            case ConfigKey.Flag flag -> List.of(true, false);
            case ConfigKey.Json json -> List.of();
        };
    }

    /** Calls the factory as the server does. */
    T create(PluginFactory<? extends T> factory, PluginConfig config) {
        return factory.create(config);
    }

    /** Which rules of a range end a plugin may refuse by {@link InvalidConfigException}: a number's, never a word's. */
    private boolean mayBeRefused(Map<String, Object> configuration) {
        return factory().configKeys()
            .stream()
            .anyMatch(key -> (key instanceof ConfigKey.Real || key instanceof ConfigKey.Whole)
                    && configuration.containsKey(key.name())
                    && !configuration.get(key.name()).equals(config().get(key.name())));
    }

    /** Runs a check for each configuration that the plugin accepts. */
    void forEachConfiguration(Consumer<Made<T>> check) {
        F factory = factory();
        for (Map<String, Object> configuration : configurations()) {
            Made<T> made = new Made<>(this, factory, configuration);
            if (made.possible()) {
                check.accept(made);
            }
        }
    }

    /** A configuration and what the factory makes of it. */
    static final class Made<T> {
        private final FactoryContract<T, ?> contract;
        private final PluginFactory<? extends T> factory;
        private final Map<String, Object> configuration;

        Made(FactoryContract<T, ?> contract, PluginFactory<? extends T> factory, Map<String, Object> configuration) {
            this.contract = contract;
            this.factory = factory;
            this.configuration = configuration;
        }

        /** A new one. */
        T fresh() {
            return contract.create(factory, PluginConfig.of(factory.configKeys(), configuration));
        }

        private boolean possible() {
            try {
                @Nullable
                T made = fresh();
                discard(made);
                return made != null;
            } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
                return false; // the check of create reports it
            }
        }

        @Override
        public String toString() {
            return "'" + factory.name() + "'" + (configuration.isEmpty() ? "" : " with " + configuration);
        }
    }

    @Test
    @DisplayName("A factory has a name that a job can write")
    final void shouldHaveANameThatAJobCanWrite() {
        @Nullable
        String name = factory().name();
        if (name == null || !NAME.matcher(name).matches()) {
            fail("name() is " + quoted(name)
                    + ": return lower-case letters, digits, - and _, beginning with a letter.");
        }
    }

    @Test
    @DisplayName("A factory describes itself in one line")
    final void shouldDescribeItselfInOneLine() {
        oneLine("description()", factory().description());
    }

    @Test
    @DisplayName("A factory declares each key once, in snake_case, with a description of one line")
    final void shouldDeclareEachKeyOnce() {
        Set<String> names = new HashSet<>();
        for (ConfigKey key : factory().configKeys()) {
            if (!KEY.matcher(key.name()).matches()) {
                fail("The key " + quoted(key.name())
                        + " is not snake_case: write lower-case letters, digits and _, beginning with a letter.");
            }
            if (!names.add(key.name())) {
                fail("configKeys() declares '" + key.name() + "' twice: declare each key once.");
            }
            oneLine("The description of the key '" + key.name() + "'", key.description());
        }
    }

    @Test
    @DisplayName("A factory's ranges can be met, and its defaults meet them")
    final void shouldAllowItsOwnDefaults() {
        for (ConfigKey key : factory().configKeys()) {
            String empty = switch (key) {
                case ConfigKey.Real real when !(real.minimum() <= real.maximum())
                        || (real.exclusiveMinimum() && real.minimum() == real.maximum()) ->
                    real.minimum() + " to " + real.maximum();
                case ConfigKey.Whole whole when whole.minimum() > whole.maximum() ->
                    whole.minimum() + " to " + whole.maximum();
                case ConfigKey.Choice choice when choice.choices().isEmpty() -> "no choices";
                case ConfigKey.Real real -> "";
                case ConfigKey.Whole whole -> "";
                case ConfigKey.Text text -> "";
                case ConfigKey.Choice choice -> "";
                case ConfigKey.Flag flag -> "";
                case ConfigKey.Json json -> "";
            };
            if (!empty.isEmpty()) {
                fail("No value of the key '" + key.name() + "' is allowed (" + empty + "): mend its range.");
            }
            if (key.defaultValue() != null) {
                try {
                    PluginConfig.of(List.of(key), Map.of());
                } catch (InvalidConfigException e) {
                    fail("A default is outside its own range: " + e.text() + " Change the default or the range.");
                }
            }
        }
    }

    @Test
    @DisplayName("A factory makes something of every configuration that it declares")
    final void shouldMakeSomethingOfEveryConfiguration() {
        F factory = factory();
        for (Map<String, Object> configuration : configurations()) {
            String title = "create() with " + (configuration.isEmpty() ? "the defaults" : configuration);
            PluginConfig checked;
            try {
                checked = PluginConfig.of(factory.configKeys(), configuration);
            } catch (InvalidConfigException e) {
                e.problems().stream().filter(problem -> !ownFault(problem.key())).findFirst().ifPresent(problem -> {
                    fail("The test's configuration " + configuration + " is refused. " + problem.message()
                            + " Override config() to give the keys that have no default.");
                });
                continue;
            }
            try {
                @Nullable
                T made = create(factory, checked);
                if (made == null) {
                    fail(title + " returned null: return a new instance.");
                }
                discard(made);
            } catch (InvalidConfigException e) {
                if (!mayBeRefused(configuration)) {
                    fail(title + " was refused: " + e.text()
                            + " Accept every declared word, or override configurations() where keys depend on each other.",
                            e);
                }
            } catch (RuntimeException | StackOverflowError | LinkageError e) {
                fail(title + " threw " + e + ": accept what the keys allow, narrow their ranges, or throw"
                        + " InvalidConfigException for what ranges cannot express.", e);
            }
        }
    }

    /** Closes what was made; what goes wrong there is the business of the grader's contract. */
    static void discard(@Nullable Object made) {
        if (made instanceof AutoCloseable closeable) {
            try {
                closeable.close();
            } catch (Exception | StackOverflowError | AssertionError | LinkageError e) {
                return;
            }
        }
    }

    /** Whether the declaration is at fault, which another check reports. */
    private boolean ownFault(String key) {
        return factory().configKeys()
            .stream()
            .anyMatch(declared -> declared.name().equals(key)
                    && (declared.defaultValue() != null || config().containsKey(key)));
    }

    static void oneLine(String what, @Nullable String text) {
        if (text == null || text.isBlank() || text.lines().count() != 1) {
            fail(what + " is " + quoted(text) + ": write one line.");
        }
    }

    static String quoted(@Nullable String text) {
        return text == null ? "null" : "'" + text + "'";
    }

    /** Copies of the outer list, for checks that need their own order. */
    static <E> List<E> reversed(List<E> list) {
        return new ArrayList<>(list).reversed();
    }
}

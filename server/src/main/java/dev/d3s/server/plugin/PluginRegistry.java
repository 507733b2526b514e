package dev.d3s.server.plugin;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.PluginFactory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.TokenSelector;

/**
 * All plugins of this server by kind and name. Filled once, at start, on the main thread; immutable and thread-safe from
 * then on. A plugin that cannot be loaded or names itself wrongly is reported by {@link #problems()} and left out; the
 * server starts without it. Everything it makes is wrapped in checks of the contract.
 *
 * <p>
 * Whoever made it closes it, after all jobs have ended: that closes the class loaders of plugins from a directory.
 */
public final class PluginRegistry implements AutoCloseable {
    private static final Logger LOG = System.getLogger(PluginRegistry.class.getName());
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_-]*");
    /** A services file that is nothing but errors must not keep the server from starting. */
    private static final int MAXIMUM_LOAD_ERRORS = 100;

    /** A factory with what it said about itself at start. */
    private record Entry(PluginFactory<?> factory, List<ConfigKey> keys, PluginDescription description,
            String source) {}

    private final Map<PluginKind, Map<String, Entry>> entries = new EnumMap<>(PluginKind.class);
    private final List<String> problems = new ArrayList<>();
    private final List<URLClassLoader> loaders;

    /** Of these plugins; where two offer the same name, the first has it. */
    public PluginRegistry(List<? extends Plugin> plugins) {
        this.loaders = new ArrayList<>();
        for (PluginKind kind : PluginKind.values()) {
            entries.put(kind, new TreeMap<>());
        }
        plugins.forEach(this::add);
    }

    /**
     * Of everything ServiceLoader finds: the plugins this server was built with, then those in a directory.
     *
     * @param directory jars, or directories of jars; {@code null} for none
     * @throws D3sException when the directory cannot be read
     */
    public static PluginRegistry discover(@Nullable Path directory) {
        PluginRegistry registry = new PluginRegistry(List.of());
        registry.load(PluginRegistry.class.getClassLoader(), "this server");
        if (directory != null && inNativeExecutable()) {
            registry.report("The native executable cannot load plugins from " + directory
                    + ": add them as dependencies and build it again, or run the server on a JVM.");
        } else if (directory != null) {
            for (URLClassLoader loader : PluginDirectory.open(directory)) {
                registry.loaders.add(loader);
                if (registry.load(loader, loader.getName()) == 0) {
                    registry.report("There is no usable plugin in " + loader.getName() + " of " + directory
                            + ": its jar needs META-INF/services/" + Plugin.class.getName() + ".");
                }
            }
        }
        return registry;
    }

    private static boolean inNativeExecutable() {
        return "runtime".equals(System.getProperty("org.graalvm.nativeimage.imagecode"));
    }

    private int load(ClassLoader loader, String source) {
        int found = 0;
        int errors = 0;
        Iterator<Plugin> plugins = ServiceLoader.load(Plugin.class, loader).iterator();
        while (errors < MAXIMUM_LOAD_ERRORS) {
            try {
                if (!plugins.hasNext()) {
                    break;
                }
                add(plugins.next());
                found++;
            } catch (ServiceConfigurationError | LinkageError e) {
                errors++;
                Throwable cause = e.getCause();
                report("A plugin of " + source + " is left out: " + e.getMessage()
                        + (cause == null ? "" : " (" + cause + ")") + ".");
            }
        }
        return found;
    }

    private void add(Plugin plugin) {
        String source = plugin.getClass().getName();
        add(plugin, source, PluginKind.ROLLOUT_SELECTOR, Plugin::rolloutSelectors);
        add(plugin, source, PluginKind.TOKEN_SELECTOR, Plugin::tokenSelectors);
        add(plugin, source, PluginKind.SCHEDULE, Plugin::schedules);
        add(plugin, source, PluginKind.REWARD_FUNCTION, Plugin::rewardFunctions);
    }

    private void add(Plugin plugin, String source, PluginKind kind,
            Function<Plugin, ? extends List<? extends PluginFactory<?>>> factories) {
        List<? extends PluginFactory<?>> offered;
        try {
            offered = List.copyOf(factories.apply(plugin));
        } catch (RuntimeException | LinkageError | StackOverflowError | AssertionError e) {
            report("The " + kind.words() + "s of " + source + " are left out: " + e + ".");
            return;
        }
        for (PluginFactory<?> factory : offered) {
            try {
                add(factory, source, kind, version(plugin));
            } catch (RuntimeException | LinkageError | StackOverflowError | AssertionError e) {
                report("A " + kind.words() + " of " + source + " (" + factory.getClass().getName() + ") is left out: "
                        + e
                        + ".");
            }
        }
    }

    private void add(PluginFactory<?> factory, String source, PluginKind kind, String version) {
        String name = factory.name();
        String description = factory.description();
        List<ConfigKey> keys = List.copyOf(factory.configKeys());
        String title = "The " + kind.words() + " '" + name + "' of " + source;
        Entry first = entries(kind).get(name);
        if (!NAME.matcher(name).matches()) {
            report(title + " is left out: a name is lower-case letters, digits, - and _, and begins with a letter.");
        } else if (first != null) {
            report(title + " is left out: " + first.source() + " has that name already.");
        } else {
            String mistake = mistake(keys);
            if (mistake != null) {
                report(title + " is left out: " + mistake);
            } else {
                entries(kind).put(name, new Entry(factory, keys,
                        new PluginDescription(kind, name, version, description, keys, ConfigSchema.of(keys)), source));
            }
        }
    }

    /** What is wrong with declared keys: one twice, or a default that its own range refuses. */
    private static @Nullable String mistake(List<ConfigKey> keys) {
        Set<String> names = new HashSet<>();
        for (ConfigKey key : keys) {
            if (!names.add(key.name())) {
                return "it declares the key '" + key.name() + "' twice.";
            }
            if (key.defaultValue() != null) {
                try {
                    PluginConfig.of(List.of(key), Map.of());
                } catch (InvalidConfigException e) {
                    return "its default is not allowed by itself. " + e.text();
                }
            }
        }
        return null;
    }

    private static String version(Plugin plugin) {
        for (Class<?> type : List.of(plugin.getClass(), PluginRegistry.class)) {
            String version = type.getPackage().getImplementationVersion();
            if (version != null) {
                return version;
            }
        }
        return "development";
    }

    private void report(String problem) {
        problems.add(problem);
        LOG.log(Level.WARNING, problem);
    }

    /** What went wrong while loading, for the log and for people who miss a plugin; empty when all is well. */
    public List<String> problems() {
        return List.copyOf(problems);
    }

    /** Every plugin, by kind and then by name. */
    public List<PluginDescription> descriptions() {
        return entries.values().stream().flatMap(kind -> kind.values().stream()).map(Entry::description).toList();
    }

    /** Names of a kind, sorted. */
    public List<String> names(PluginKind kind) {
        return List.copyOf(entries(kind).keySet());
    }

    /**
     * Makes a rollout selector for a job.
     *
     * @throws D3sException with code {@code unknown_plugin}, {@code invalid_config} ({@link InvalidConfigException}), or a
     *             fault of the plugin
     */
    public RolloutSelector rolloutSelector(String name, Map<String, ?> config) {
        return new CheckedRolloutSelector(name,
                create(RolloutSelector.class, PluginKind.ROLLOUT_SELECTOR, name, config));
    }

    /** Makes a token selector for a job. Throws like {@link #rolloutSelector}. */
    public TokenSelector tokenSelector(String name, Map<String, ?> config) {
        return new CheckedTokenSelector(name, create(TokenSelector.class, PluginKind.TOKEN_SELECTOR, name, config));
    }

    /** Makes a schedule for a job. Throws like {@link #rolloutSelector}. */
    public Schedule schedule(String name, Map<String, ?> config) {
        return new CheckedSchedule(name, create(Schedule.class, PluginKind.SCHEDULE, name, config));
    }

    /** Makes a grader for a job; whoever asks closes it. Throws like {@link #rolloutSelector}. */
    public RewardFunction rewardFunction(String name, Map<String, ?> config) {
        return new CheckedRewardFunction(name, create(RewardFunction.class, PluginKind.REWARD_FUNCTION, name, config));
    }

    /**
     * Checks a choice before a job is accepted. First against the declared keys; when those are satisfied the plugin is made
     * and closed at once, because only it knows what ranges cannot express.
     *
     * @return every declared key with its value, defaults included
     * @throws InvalidConfigException naming every mistake in the configuration
     * @throws D3sException with code {@code unknown_plugin}, or a fault of the plugin
     */
    public Map<String, Object> configured(PluginKind kind, String name, Map<String, ?> config) {
        switch (kind) {
            case ROLLOUT_SELECTOR -> rolloutSelector(name, config);
            case TOKEN_SELECTOR -> tokenSelector(name, config);
            case SCHEDULE -> schedule(name, config);
            case REWARD_FUNCTION -> rewardFunction(name, config).close();
        }
        return PluginConfig.of(entry(kind, name).keys(), config).asMap();
    }

    private <T> T create(Class<T> type, PluginKind kind, String name, Map<String, ?> config) {
        Entry entry = entry(kind, name);
        PluginConfig checked = PluginConfig.of(entry.keys(), config);
        PluginFault fault = new PluginFault(kind, name);
        Object made;
        try {
            made = entry.factory().create(checked);
        } catch (InvalidConfigException e) {
            throw e;
        } catch (D3sException e) {
            throw fault.named(e);
        } catch (RuntimeException | LinkageError | StackOverflowError | AssertionError e) {
            throw fault.failed(e);
        }
        if (!type.isInstance(made)) {
            throw fault
                .broken("its factory returned " + (made == null ? "null" : "a " + made.getClass().getName()) + ".");
        }
        return type.cast(made);
    }

    private Entry entry(PluginKind kind, String name) {
        Entry entry = entries(kind).get(name);
        if (entry == null) {
            throw new D3sException(ErrorCategory.USER, "unknown_plugin", "There is no " + kind.words() + " '" + name
                    + "'; known: " + (names(kind).isEmpty() ? "none" : String.join(", ", names(kind))) + ".");
        }
        return entry;
    }

    private Map<String, Entry> entries(PluginKind kind) {
        return Objects.requireNonNull(entries.get(kind));
    }

    @Override
    public void close() {
        for (URLClassLoader loader : loaders) {
            try {
                loader.close();
            } catch (IOException e) {
                LOG.log(Level.WARNING, loader.getName() + " failed to close.", e);
            }
        }
    }
}

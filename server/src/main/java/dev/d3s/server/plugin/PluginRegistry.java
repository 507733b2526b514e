package dev.d3s.server.plugin;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.PluginFactory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.TokenSelector;

/**
 * All plugins of this server by kind and name. Filled once, at start, on the main thread; immutable and thread-safe from
 * then on. A plugin that cannot be loaded, takes too long or names itself wrongly is reported by {@link #problems()} and left
 * out; the server starts without it. Everything it makes is wrapped in checks of the contract.
 *
 * <p>
 * Names: a plugin that comes with the server keeps its name. Of two others with the same name neither is used, because which
 * of them is first is an accident of their jars' names, and a job would not notice the change; a job that names it is told.
 *
 * <p>
 * Whoever made it closes it, after all jobs have ended: that closes the class loaders of plugins from a directory.
 */
public final class PluginRegistry implements AutoCloseable {
    private static final Logger LOG = System.getLogger(PluginRegistry.class.getName());
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_-]*");
    /** A services file that is nothing but errors must not keep the server from starting. */
    private static final int MAXIMUM_LOAD_ERRORS = 100;

    private static final String PYTHON_REFUSED = "Graders of type 'python' are refused: this server runs no Python. Put the "
            + "reward behind a URL for a grader of type 'http', or write it as a plugin in Java.";
    /** The member with which a job labels a grader. */
    private static final String LABEL = "name";

    /** Of one call into a plugin, unless whoever runs the server says otherwise. */
    public static final Duration DEFAULT_TIME_LIMIT = Duration.ofSeconds(30);

    /** A factory with what it said about itself at start. */
    private record Entry(PluginFactory<?> factory, List<ConfigKey> keys, PluginDescription description, Source source,
            PluginGuard guard) {}

    /**
     * Where a plugin comes from.
     *
     * @param title for messages
     * @param builtIn whether it comes with the server
     */
    private record Source(String title, boolean builtIn) {
        static final Source SERVER = new Source("this server", true);
    }

    private final Map<PluginKind, Map<String, Entry>> entries = new EnumMap<>(PluginKind.class);
    /** Names that several plugins want, with what to say about it. */
    private final Map<PluginKind, Map<String, String>> contested = new EnumMap<>(PluginKind.class);
    private final List<PluginProblem> problems = new ArrayList<>();
    private final List<URLClassLoader> loaders = new ArrayList<>();
    private final Duration timeLimit;
    private final GraderModels models;
    private final Set<String> allowedAddresses;

    /** Of these plugins, as if they came with the server; where two offer the same name, the first has it. */
    public PluginRegistry(List<? extends Plugin> plugins) {
        this(plugins, DEFAULT_TIME_LIMIT);
    }

    /** @param timeLimit of one call into a plugin, positive; graders have one of their own */
    public PluginRegistry(List<? extends Plugin> plugins, Duration timeLimit) {
        this(plugins, timeLimit, GraderModels.none(), Set.of());
    }

    /**
     * @param timeLimit of one call into a plugin, positive; graders have one of their own
     * @param models those that graders can sample
     * @param allowedAddresses {@code host:port} of services inside the operator's network that graders may call
     */
    public PluginRegistry(List<? extends Plugin> plugins, Duration timeLimit, GraderModels models,
            Set<String> allowedAddresses) {
        this.timeLimit = timeLimit;
        this.models = models;
        this.allowedAddresses = allowedAddresses.stream()
            .map(address -> address.toLowerCase(Locale.ROOT))
            .collect(Collectors.toUnmodifiableSet());
        for (PluginKind kind : PluginKind.values()) {
            entries.put(kind, new TreeMap<>());
            contested.put(kind, new TreeMap<>());
        }
        plugins.forEach(plugin -> add(plugin, Source.SERVER));
    }

    /** Of everything ServiceLoader finds, with the default time limit. */
    public static PluginRegistry discover(@Nullable Path directory) {
        return discover(directory, DEFAULT_TIME_LIMIT, GraderModels.none(), Set.of());
    }

    /**
     * Of everything ServiceLoader finds: the plugins this server was built with, then those in a directory.
     *
     * @param directory jars, or directories of jars; {@code null} for none
     * @param timeLimit of one call into a plugin, positive; graders have one of their own
     * @param models those that graders can sample
     * @param allowedAddresses {@code host:port} of services inside the operator's network that graders may call
     * @throws D3sException when the directory cannot be read
     */
    public static PluginRegistry discover(@Nullable Path directory, Duration timeLimit, GraderModels models,
            Set<String> allowedAddresses) {
        PluginRegistry registry = new PluginRegistry(List.of(), timeLimit, models, allowedAddresses);
        registry.load(PluginRegistry.class.getClassLoader(), Source.SERVER);
        if (directory != null && inNativeExecutable()) {
            registry.report("plugins_not_supported", "The native executable cannot load plugins from " + directory
                    + ": add them as dependencies and build it again, or run the server on a JVM.");
        } else if (directory != null) {
            for (URLClassLoader loader : PluginDirectory.open(directory)) {
                registry.loaders.add(loader);
                if (registry.load(loader, new Source(loader.getName(), false)) == 0) {
                    registry.report("plugin_not_loaded",
                            "There is no usable plugin in " + loader.getName() + " of " + directory
                                    + ": its jar needs META-INF/services/" + Plugin.class.getName() + ".");
                }
            }
        }
        return registry;
    }

    private static boolean inNativeExecutable() {
        return "runtime".equals(System.getProperty("org.graalvm.nativeimage.imagecode"));
    }

    private int load(ClassLoader loader, Source source) {
        PluginGuard guard = new PluginGuard("a plugin of " + source.title(), timeLimit);
        int found = 0;
        int errors = 0;
        Iterator<ServiceLoader.Provider<Plugin>> providers = ServiceLoader.load(Plugin.class, loader)
            .stream()
            .iterator();
        while (errors < MAXIMUM_LOAD_ERRORS) {
            try {
                if (!providers.hasNext()) {
                    break;
                }
                ServiceLoader.Provider<Plugin> provider = providers.next();
                add(guard.call(() -> made(provider)), source);
                found++;
            } catch (ServiceConfigurationError | LinkageError e) {
                errors++;
                report("plugin_not_loaded", "A plugin of " + source.title() + " is left out: " + e.getMessage() + ".");
            } catch (D3sException e) {
                errors++;
                report(e.code(), "Left out: " + e.text());
            }
        }
        return found;
    }

    /** What the constructor throws arrives wrapped; what it says matters to its author. */
    private static Plugin made(ServiceLoader.Provider<Plugin> provider) {
        try {
            return provider.get();
        } catch (ServiceConfigurationError e) {
            Throwable cause = e.getCause();
            throw new IllegalStateException(e.getMessage() + (cause == null ? "" : " (" + cause + ")"), e);
        }
    }

    private void add(Plugin plugin, Source source) {
        add(plugin, source, PluginKind.ROLLOUT_SELECTOR, Plugin::rolloutSelectors);
        add(plugin, source, PluginKind.TOKEN_SELECTOR, Plugin::tokenSelectors);
        add(plugin, source, PluginKind.SCHEDULE, Plugin::schedules);
        add(plugin, source, PluginKind.REWARD_FUNCTION, Plugin::rewardFunctions);
    }

    private void add(Plugin plugin, Source source, PluginKind kind,
            Function<Plugin, ? extends List<? extends PluginFactory<?>>> factories) {
        PluginGuard guard = new PluginGuard(kind.words() + "s of " + name(plugin, source), timeLimit);
        try {
            for (PluginFactory<?> factory : guard.call(() -> List.copyOf(factories.apply(plugin)))) {
                try {
                    add(factory, plugin, source, kind, guard);
                } catch (D3sException e) {
                    report(e.code(), "Left out: " + e.text());
                }
            }
        } catch (D3sException e) {
            report(e.code(), "Left out: " + e.text());
        }
    }

    /** What a factory says about itself. */
    private record Said(String name, String description, List<ConfigKey> keys) {}

    private void add(PluginFactory<?> factory, Plugin plugin, Source source, PluginKind kind, PluginGuard guard) {
        Said said = guard.call(() -> new Said(Objects.requireNonNull(factory.name(), "its name is null"),
                Objects.requireNonNull(factory.description(), "its description is null"),
                List.copyOf(factory.configKeys())));
        String name = said.name();
        String title = "The " + kind.words() + " '" + name + "' of " + name(plugin, source);
        String mistake = mistake(said.keys());
        Entry first = entries(kind).get(name);
        if (!NAME.matcher(name).matches()) {
            report("invalid_plugin", title
                    + " is left out: a name is lower-case letters, digits, - and _, and begins with a letter.");
        } else if (mistake != null) {
            report("invalid_plugin", title + " is left out: " + mistake);
        } else if (contested(kind).containsKey(name)) {
            contest(kind, name, title + " is left out too: the name is taken more than once.");
        } else if (first != null && first.source().builtIn()) {
            report("duplicate_plugin", title + " is left out: " + first.source().title()
                    + " has a plugin of that name already. Its author has to rename it.");
        } else if (first != null) {
            entries(kind).remove(name);
            contest(kind, name, title + " and that of " + first.source().title()
                    + " are both left out: they have the same name. Remove one of the two from the plugins directory.");
        } else {
            entries(kind).put(name, new Entry(factory, said.keys(), new PluginDescription(kind, name,
                    version(plugin, source), said.description(), said.keys(), ConfigSchema.of(said.keys())), source,
                    PluginGuard.of(kind, name, timeLimit)));
        }
    }

    private void contest(PluginKind kind, String name, String message) {
        contested(kind).putIfAbsent(name, message);
        report("duplicate_plugin", message);
    }

    private static String name(Plugin plugin, Source source) {
        String type = plugin.getClass().getName();
        return source.builtIn() ? type : source.title() + " (" + type + ")";
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

    private static String version(Plugin plugin, Source source) {
        String version = plugin.getClass().getPackage().getImplementationVersion();
        return version != null ? version : source.builtIn() ? "development" : "unknown";
    }

    private void report(String code, String message) {
        problems.add(new PluginProblem(code, message));
        LOG.log(Level.WARNING, message);
    }

    /** What went wrong while loading, for the log and for people who miss a plugin; empty when all is well. */
    public List<PluginProblem> problems() {
        return List.copyOf(problems);
    }

    /** Every plugin, by kind and then by name. */
    public List<PluginDescription> descriptions() {
        return entries.values().stream().flatMap(kind -> kind.values().stream()).map(Entry::description).toList();
    }

    /**
     * How often a plugin failed.
     *
     * @param failures calls that failed, took too long, or broke the contract, since the start
     */
    public record Failures(PluginKind kind, String name, long failures) {}

    /** Of every plugin, by kind and then by name. */
    public List<Failures> failures() {
        return entries.values()
            .stream()
            .flatMap(kind -> kind.values().stream())
            .map(entry -> new Failures(entry.description().kind(), entry.description().name(),
                    entry.guard().failures()))
            .toList();
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
        return CheckedRolloutSelector.of(guard(PluginKind.ROLLOUT_SELECTOR, name),
                create(RolloutSelector.class, PluginKind.ROLLOUT_SELECTOR, name, config));
    }

    /** Makes a token selector for a job. Throws like {@link #rolloutSelector}. */
    public TokenSelector tokenSelector(String name, Map<String, ?> config) {
        return CheckedTokenSelector.of(guard(PluginKind.TOKEN_SELECTOR, name),
                create(TokenSelector.class, PluginKind.TOKEN_SELECTOR, name, config));
    }

    /** Makes a schedule for a job. Throws like {@link #rolloutSelector}. */
    public Schedule schedule(String name, Map<String, ?> config) {
        return new CheckedSchedule(guard(PluginKind.SCHEDULE, name),
                create(Schedule.class, PluginKind.SCHEDULE, name, config));
    }

    /**
     * Makes a grader for a job; whoever asks closes it. Throws like {@link #rolloutSelector}.
     *
     * @param organization whose models it may sample, besides those of everybody
     */
    public RewardFunction rewardFunction(String name, Map<String, ?> config, String organization) {
        NestedGraders services = NestedGraders.of(this::rewardFunction, models, organization, allowedAddresses);
        try {
            return make(name, config, services);
        } catch (RuntimeException | Error e) {
            services.closeAll();
            throw e;
        }
    }

    /** Makes a grader on nobody's behalf: of the server's models it may sample those of everybody. */
    public RewardFunction rewardFunction(String name, Map<String, ?> config) {
        return rewardFunction(name, config, "");
    }

    /** Makes one inside another, which may carry a label that it does not declare. */
    private RewardFunction rewardFunction(String name, Map<String, ?> options, NestedGraders services) {
        Map<String, Object> config = new LinkedHashMap<>(options);
        if (isLabelled(name)) {
            config.remove(LABEL);
        }
        return make(name, config, services);
    }

    private RewardFunction make(String name, Map<String, ?> config, NestedGraders services) {
        return new CheckedRewardFunction(guard(PluginKind.REWARD_FUNCTION, name),
                create(RewardFunction.class, PluginKind.REWARD_FUNCTION, name, config,
                        (factory, checked) -> factory instanceof RewardFunctionFactory graders
                                ? graders.create(checked, services)
                                : factory.create(checked)));
    }

    /**
     * Whether a grader's member {@code name} is a label only: OpenAI's graders carry one, and a plugin that wants it declares
     * it. True for a name that no grader has.
     */
    public boolean isLabelled(String grader) {
        Entry entry = entries(PluginKind.REWARD_FUNCTION).get(grader);
        return entry == null || entry.keys().stream().noneMatch(key -> key.name().equals(LABEL));
    }

    /**
     * Checks a choice before a job is accepted. First against the declared keys; when those are satisfied the plugin is made
     * and closed at once, because only it knows what ranges cannot express.
     *
     * @param organization on whose behalf, for graders that sample models
     * @return every declared key with its value, defaults included
     * @throws InvalidConfigException naming every mistake in the configuration
     * @throws D3sException with code {@code unknown_plugin}, or a fault of the plugin
     */
    public Map<String, Object> configured(PluginKind kind, String name, Map<String, ?> config, String organization) {
        switch (kind) {
            case ROLLOUT_SELECTOR -> rolloutSelector(name, config);
            case TOKEN_SELECTOR -> tokenSelector(name, config);
            case SCHEDULE -> schedule(name, config);
            case REWARD_FUNCTION -> rewardFunction(name, config, organization).close();
        }
        return PluginConfig.of(entry(kind, name).keys(), config).asMap();
    }

    /** Checks a choice on nobody's behalf. */
    public Map<String, Object> configured(PluginKind kind, String name, Map<String, ?> config) {
        return configured(kind, name, config, "");
    }

    private <T> T create(Class<T> type, PluginKind kind, String name, Map<String, ?> config) {
        return create(type, kind, name, config, PluginFactory::create);
    }

    private <T> T create(Class<T> type, PluginKind kind, String name, Map<String, ?> config,
            BiFunction<PluginFactory<?>, PluginConfig, @Nullable Object> creation) {
        Entry entry = entry(kind, name);
        PluginConfig checked = PluginConfig.of(entry.keys(), config);
        PluginGuard guard = entry.guard();
        Object made = guard.call(() -> creation.apply(entry.factory(), checked));
        if (!type.isInstance(made)) {
            throw guard
                .broken("its factory returned " + (made == null ? "null" : "a " + made.getClass().getName()) + ".");
        }
        return type.cast(made);
    }

    private PluginGuard guard(PluginKind kind, String name) {
        return entry(kind, name).guard();
    }

    private Entry entry(PluginKind kind, String name) {
        String contest = contested(kind).get(name);
        if (contest != null) {
            throw new D3sException(ErrorCategory.USER, "duplicate_plugin", contest);
        }
        Entry entry = entries(kind).get(name);
        if (entry == null && kind == PluginKind.REWARD_FUNCTION && name.equals("python")) {
            throw new D3sException(ErrorCategory.USER, "unknown_plugin", PYTHON_REFUSED);
        }
        if (entry == null) {
            throw new D3sException(ErrorCategory.USER, "unknown_plugin", "There is no " + kind.words() + " '" + name
                    + "'; known: " + (names(kind).isEmpty() ? "none" : String.join(", ", names(kind))) + ".");
        }
        return entry;
    }

    private Map<String, Entry> entries(PluginKind kind) {
        return Objects.requireNonNull(entries.get(kind));
    }

    private Map<String, String> contested(PluginKind kind) {
        return Objects.requireNonNull(contested.get(kind));
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

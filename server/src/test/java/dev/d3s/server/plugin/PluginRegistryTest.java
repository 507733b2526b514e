package dev.d3s.server.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.ScheduleFactory;

class PluginRegistryTest {
    @TempDir
    private Path directory;

    private static PluginRegistry of(Plugin... plugins) {
        return new PluginRegistry(List.of(plugins));
    }

    @Test
    void shouldFindTheBuiltInPlugins() {
        try (PluginRegistry registry = PluginRegistry.discover(null)) {
            assertThat(registry.problems()).isEmpty();
            assertThat(registry.names(PluginKind.ROLLOUT_SELECTOR)).contains("all", "d3s-cross", "d3s-intra");
            assertThat(registry.names(PluginKind.TOKEN_SELECTOR)).contains("advantage-entropy", "all");
            assertThat(registry.names(PluginKind.SCHEDULE)).contains("constant", "linear");
            assertThat(registry.names(PluginKind.REWARD_FUNCTION)).contains("math", "string_check");
        }
    }

    @Test
    void shouldListTheKnownOnesForAnUnknownName() {
        PluginRegistry registry = of(new Plugins().schedule("slow", (step, total, from, to) -> from)
            .schedule("fast",
                    (step, total, from, to) -> to));
        assertThatThrownBy(() -> registry.schedule("medium", Map.of())).asInstanceOf(type(D3sException.class))
            .satisfies(e -> {
                assertThat(e.category()).isEqualTo(ErrorCategory.USER);
                assertThat(e.code()).isEqualTo("unknown_plugin");
                assertThat(e.text()).isEqualTo("There is no schedule 'medium'; known: fast, slow.");
            });
        assertThatThrownBy(() -> registry.rolloutSelector("all", Map.of())).hasMessageContaining("known: none.");
        assertThat(PluginChecks.problems(registry, PluginKind.SCHEDULE, "medium", Map.of()))
            .containsExactly(new ConfigProblem("", "There is no schedule 'medium'; known: fast, slow."));
    }

    @Test
    void shouldReportDuplicatesAndKeepTheFirst() {
        PluginRegistry registry = of(
                new Plugins().rolloutSelector("one", (batch, ratio, seed) -> RolloutSelection.of(0)),
                new Plugins().rolloutSelector("one", (batch, ratio, seed) -> RolloutSelection.of(1))
                    .schedule("one",
                            (step, total, from, to) -> from));
        assertThat(registry.problems()).singleElement().satisfies(problem -> {
            assertThat(problem.code()).isEqualTo("duplicate_plugin");
            assertThat(problem.message()).contains("The rollout selector 'one' of " + Plugins.class.getName(),
                    "has a plugin of that name already");
        });
        assertThat(registry.rolloutSelector("one", Map.of())
            .select(new RolloutBatch(new int[2], 1, new double[2], new double[2], new int[2]), 1, 1)
            .kept()).containsExactly(0);
        assertThat(registry.names(PluginKind.SCHEDULE)).containsExactly("one");
        assertThat(registry.descriptions()).hasSize(2);
    }

    @Test
    void shouldReportBadNamesAndBadKeys() {
        Plugins plugin = new Plugins();
        List<String> bad = List.of("", "Upper", "1st", "with space", "-x", "ümlaut", "a.b");
        bad.forEach(name -> plugin.schedule(name, (step, total, from, to) -> from));
        ConfigKey flag = new ConfigKey.Flag("twice", true, "a flag");
        plugin.rewardFunction("doubled", List.of(flag, flag), config -> input -> 0);
        plugin.rewardFunction("impossible", List.of(new ConfigKey.Whole("n", 11L, 1, 10, "a number")),
                config -> input -> 0);
        plugin.rewardFunction("fine_too-1", List.of(flag), config -> input -> 0);
        PluginRegistry registry = of(plugin);
        assertThat(registry.problems()).hasSize(bad.size() + 2)
            .allSatisfy(problem -> assertThat(problem.code()).isEqualTo("invalid_plugin"))
            .anySatisfy(problem -> assertThat(problem.message()).contains("'doubled'", "the key 'twice' twice"))
            .anySatisfy(problem -> assertThat(problem.message()).contains("'impossible'", "'n' is 11 but must be"));
        assertThat(registry.descriptions()).extracting(PluginDescription::name).containsExactly("fine_too-1");
    }

    @Test
    void shouldStartWithoutAPluginThatThrows() {
        Plugin throwing = new Plugin() {
            @Override
            public List<RolloutSelectorFactory> rolloutSelectors() {
                throw new IllegalStateException("not today");
            }

            @Override
            public List<ScheduleFactory> schedules() {
                throw new NoClassDefFoundError("gone");
            }
        };
        PluginRegistry registry = of(throwing, new Plugins().schedule("good", (step, total, from, to) -> from));
        assertThat(registry.problems()).hasSize(2)
            .allSatisfy(problem -> assertThat(problem.code()).isEqualTo("plugin_failed"))
            .anySatisfy(problem -> assertThat(problem.message()).contains("rollout selector", "not today"))
            .anySatisfy(problem -> assertThat(problem.message()).contains("schedule", "gone"));
        assertThat(registry.names(PluginKind.SCHEDULE)).containsExactly("good");
    }

    @Test
    void shouldReportEveryMistakeOfAConfiguration() {
        try (PluginRegistry registry = PluginRegistry.discover(null)) {
            Map<String, Object> config = Map.of("pool", "group", "intra_keep", 0, "ratio", 1);
            assertThat(PluginChecks.problems(registry, PluginKind.ROLLOUT_SELECTOR, "d3s-cross", config))
                .extracting(ConfigProblem::key)
                .containsExactlyInAnyOrder("pool", "intra_keep", "ratio");
            assertThatThrownBy(() -> registry.rolloutSelector("d3s-cross", config))
                .isInstanceOf(InvalidConfigException.class);
            assertThat(PluginChecks.problems(registry, PluginKind.REWARD_FUNCTION, "math", Map.of("input", "{{x}}")))
                .singleElement()
                .satisfies(problem -> assertThat(problem.key()).isEqualTo("input"));
            assertThat(PluginChecks.problems(registry, PluginKind.REWARD_FUNCTION, "math", Map.of())).isEmpty();
        }
    }

    @Test
    void shouldCloseWhatItMadeToValidate() {
        AtomicInteger open = new AtomicInteger();
        PluginRegistry registry = of(new Plugins().rewardFunction("counted", List.of(), config -> {
            open.incrementAndGet();
            return new RewardFunction() {
                @Override
                public double score(RewardInput input) {
                    return 0;
                }

                @Override
                public void close() {
                    open.decrementAndGet();
                }
            };
        }));
        assertThat(PluginChecks.problems(registry, PluginKind.REWARD_FUNCTION, "counted", Map.of())).isEmpty();
        assertThat(open).hasValue(0);
        registry.rewardFunction("counted", Map.of());
        assertThat(open).hasValue(1);
    }

    @Test
    void shouldNameAPluginWhoseFactoryFails() {
        PluginRegistry registry = of(new Plugins().rewardFunction("broken", List.of(), config -> {
            throw new IllegalStateException("no licence");
        }));
        assertThatThrownBy(() -> registry.rewardFunction("broken", Map.of())).asInstanceOf(type(D3sException.class))
            .satisfies(e -> {
                assertThat(e.category()).isEqualTo(ErrorCategory.PLUGIN);
                assertThat(e.text()).contains("Grader 'broken' failed: ", "no licence");
            });
        assertThat(PluginChecks.problems(registry, PluginKind.REWARD_FUNCTION, "broken", Map.of())).singleElement()
            .satisfies(problem -> assertThat(problem.message()).contains("no licence"));
    }

    @Test
    void shouldDescribeConfigurationsAsJsonSchema() {
        List<ConfigKey> keys = List.of(new ConfigKey.Real("share", 0.5, 0, true, 1, "a share"),
                new ConfigKey.Real("any", null, Double.NEGATIVE_INFINITY, false, Double.POSITIVE_INFINITY, "a number"),
                new ConfigKey.Whole("count", 3L, 1, 10, "how many"), new ConfigKey.Text("label", null, "a text"),
                new ConfigKey.Choice("mode", "fast", List.of("fast", "slow"), "how"),
                new ConfigKey.Flag("strict", false, "whether"), new ConfigKey.Json("inside", List.of(),
                        Map.of("type", "array", "items", Map.of("type", "object")), "a list"));
        PluginDescription description = of(new Plugins().rewardFunction("full", keys, config -> input -> 0))
            .descriptions()
            .getFirst();
        assertThat(description.kind()).isEqualTo(PluginKind.REWARD_FUNCTION);
        assertThat(description.version()).isNotEmpty();
        assertThat(description.configSchema())
            .isEqualTo(Map.of("type", "object", "additionalProperties", false, "required",
                    List.of("any", "label"), "properties",
                    Map.of("share",
                            Map.of("type", "number", "exclusiveMinimum", 0.0, "maximum", 1.0, "description", "a share",
                                    "default",
                                    0.5),
                            "any", Map.of("type", "number", "description", "a number"), "count",
                            Map.of("type", "integer", "minimum", 1L, "maximum", 10L, "description", "how many",
                                    "default", 3L),
                            "label", Map.of("type", "string", "description", "a text"), "mode",
                            Map.of("type", "string", "enum", List.of("fast", "slow"), "description", "how", "default",
                                    "fast"),
                            "strict", Map.of("type", "boolean", "description", "whether", "default", false), "inside",
                            Map.of("type", "array", "items", Map.of("type", "object"), "description", "a list",
                                    "default", List.of()))));
    }

    @Test
    void shouldLoadJarsInClassLoadersOfTheirOwn() throws IOException {
        String good = """
                package third.party;
                import dev.d3s.spi.*;
                import java.util.List;
                public final class Good implements Plugin {
                    public List<ScheduleFactory> schedules() {
                        return List.of(new ScheduleFactory() {
                            public String name() { return "third-party"; }
                            public String description() { return "From a jar."; }
                            public Schedule create(PluginConfig config) {
                                return (step, total, from, to) -> {
                                    try {
                                        Class.forName("dev.d3s.server.plugin.PluginRegistry");
                                        return from;
                                    } catch (ClassNotFoundException isolated) {
                                        return to;
                                    }
                                };
                            }
                        });
                    }
                }
                """;
        String bad = "package third.party; public final class Bad implements dev.d3s.spi.Plugin {"
                + " public Bad() { throw new IllegalStateException(\"not today\"); } }";
        jar(directory.resolve("good-2.5.jar"), "2.5", "third.party.Good", good, "third.party.Good");
        jar(Files.createDirectory(directory.resolve("with-libraries")).resolve("bad.jar"), "1", "third.party.Bad", bad,
                "third.party.Bad");
        jar(directory.resolve("typo.jar"), "1", "third.party.Bad", bad, "third.party.Baad");
        Files.writeString(directory.resolve("readme.txt"), "not a jar");
        try (PluginRegistry registry = PluginRegistry.discover(directory)) {
            assertThat(registry.schedule("third-party", Map.of()).at(0, 2, 0.1, 0.9))
                .as("does not see the server's classes")
                .isEqualTo(0.9);
            assertThat(registry.descriptions())
                .anyMatch(d -> d.name().equals("third-party") && d.version().equals("2.5"));
            assertThat(registry.names(PluginKind.ROLLOUT_SELECTOR)).contains("d3s-cross");
            assertThat(registry.problems()).hasSize(4)
                .anySatisfy(problem -> {
                    assertThat(problem.code()).isEqualTo("plugin_failed");
                    assertThat(problem.message()).contains("with-libraries", "not today");
                })
                .anySatisfy(problem -> {
                    assertThat(problem.code()).isEqualTo("plugin_not_loaded");
                    assertThat(problem.message()).contains("typo.jar", "third.party.Baad not found");
                })
                .anySatisfy(
                        problem -> assertThat(problem.message()).contains("no usable plugin", "with-libraries"));
        }
        Path missing = directory.resolve("missing");
        assertThatThrownBy(() -> PluginRegistry.discover(missing)).isInstanceOf(D3sException.class)
            .hasMessageContaining(missing.toString())
            .hasMessageContaining("d3s.plugins.directory");
    }

    @Test
    void shouldRefuseANameThatTwoStrangersWant() throws IOException {
        String schedules = """
                package third.party;
                import dev.d3s.spi.*;
                import java.util.List;
                public final class %s implements Plugin {
                    public List<ScheduleFactory> schedules() {
                        return List.of(of("wanted"), of("linear"), of("%s"));
                    }
                    private static ScheduleFactory of(String name) {
                        return new ScheduleFactory() {
                            public String name() { return name; }
                            public String description() { return "From a jar."; }
                            public Schedule create(PluginConfig config) { return (step, total, from, to) -> to; }
                        };
                    }
                }
                """;
        jar(directory.resolve("a.jar"), "1", "third.party.A", schedules.formatted("A", "own-a"), "third.party.A");
        jar(directory.resolve("b.jar"), "1", "third.party.B", schedules.formatted("B", "own-b"), "third.party.B");
        try (PluginRegistry registry = PluginRegistry.discover(directory)) {
            assertThat(registry.names(PluginKind.SCHEDULE)).contains("own-a", "own-b", "linear")
                .doesNotContain("wanted");
            assertThatThrownBy(() -> registry.schedule("wanted", Map.of())).asInstanceOf(type(D3sException.class))
                .satisfies(e -> {
                    assertThat(e.code()).isEqualTo("duplicate_plugin");
                    assertThat(e.category()).isEqualTo(ErrorCategory.USER);
                    assertThat(e.text()).contains("'wanted'", "a.jar", "b.jar", "Remove one of the two");
                });
            assertThat(registry.schedule("linear", Map.of()).at(0, 2, 0.1, 0.9)).as("the server's own")
                .isEqualTo(0.1);
            assertThat(registry.problems()).hasSize(3)
                .allSatisfy(
                        problem -> assertThat(problem.code()).isEqualTo("duplicate_plugin"));
        }
    }

    @Test
    void shouldStartWithoutAPluginThatHangs() {
        Semaphore never = new Semaphore(0);
        Plugin hanging = new Plugin() {
            @Override
            public List<ScheduleFactory> schedules() {
                never.acquireUninterruptibly();
                return List.of();
            }
        };
        PluginRegistry registry = new PluginRegistry(
                List.of(hanging, new Plugins().schedule("good", (step, total, from, to) -> from)),
                Duration.ofMillis(50));
        assertThat(registry.problems()).singleElement().satisfies(problem -> {
            assertThat(problem.code()).isEqualTo("plugin_timed_out");
            assertThat(problem.message()).contains(hanging.getClass().getName());
        });
        assertThat(registry.names(PluginKind.SCHEDULE)).containsExactly("good");
        never.release();
    }

    /** Compiles one class against the contract and packs it as a plugin. */
    private void jar(Path jar, String version, String className, String source, String provider) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        Path classes = Files.createDirectory(Path.of(jar + ".classes"));
        JavaFileObject unit = new SimpleJavaFileObject(URI.create("string:///" + className.replace('.', '/') + ".java"),
                JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                return source;
            }
        };
        String classPath = Path
            .of(URI.create(Plugin.class.getProtectionDomain().getCodeSource().getLocation().toString()))
            .toString();
        assertThat(compiler
            .getTask(null, null, null, List.of("-d", classes.toString(), "-cp", classPath, "-proc:none"), null,
                    List.of(unit))
            .call()).isTrue();
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.IMPLEMENTATION_VERSION, version);
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest);
                var files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(classes.relativize(file).toString()));
                Files.copy(file, out);
            }
            out.putNextEntry(new JarEntry("META-INF/services/" + Plugin.class.getName()));
            out.write(provider.getBytes(StandardCharsets.UTF_8));
        }
    }
}

package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Method;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.config.D3sConfig;
import dev.d3s.server.plugin.PluginDescription;
import dev.d3s.server.plugin.PluginKind;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.selection.Preset;
import dev.d3s.server.selection.Presets;
import dev.d3s.server.training.Metric;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;
import io.smallrye.config.WithDefault;

/** Holds what people read about the server to the code. */
class ReadmeTest {
    private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(?:#[^)]*)?\\)");

    @TempDir
    Path directory;

    private static String text(String file) {
        try {
            return Files.readString(PROJECT.resolve(file));
        } catch (IOException e) {
            throw new AssertionError(file + " cannot be read", e);
        }
    }

    /** From a heading to the next one of its depth or above. */
    private static String section(String file, String heading) {
        String text = text(file);
        int start = text.indexOf("\n" + heading + "\n");
        assertThat(start).as("%s has the heading '%s'", file, heading).isNotNegative();
        int depth = heading.indexOf(' ');
        Matcher next = Pattern.compile("^#{1," + depth + "} ", Pattern.MULTILINE).matcher(text);
        int end = next.find(start + 1 + heading.length()) ? next.start() : text.length();
        return text.substring(start, end);
    }

    /** The cells of each row whose first cell is a name in backticks, by that name. */
    private static Map<String, List<String>> rows(String section) {
        Map<String, List<String>> rows = new LinkedHashMap<>();
        section.lines().filter(line -> line.startsWith("| `")).forEach(line -> {
            List<String> cells = Stream.of(line.substring(1, line.length() - 1).split("\\|"))
                .map(String::strip)
                .toList();
            rows.put(cells.getFirst().replace("`", ""), cells);
        });
        return rows;
    }

    @ParameterizedTest
    @EnumSource
    void shouldExplainEveryMetric(Metric metric) {
        assertThat(rows(section("server/README.md", "### Metrics"))).containsKey(metric.key());
    }

    @Test
    void shouldExplainNoMetricThatDoesNotExist() {
        assertThat(rows(section("server/README.md", "### Metrics"))).hasSameSizeAs(Metric.values());
    }

    @Test
    void shouldListEverySettingWithItsVariableAndDefault() {
        Map<String, List<String>> rows = rows(section("server/README.md", "### Configuration"));
        Map<String, Optional<String>> settings = settings("d3s", D3sConfig.class);
        assertThat(settings).hasSizeGreaterThanOrEqualTo(7);
        settings.forEach((key, otherwise) -> {
            assertThat(rows).containsKey(key);
            List<String> cells = rows.getOrDefault(key, List.of());
            assertThat(cells.get(1)).isEqualTo("`" + key.toUpperCase(Locale.ROOT).replace('.', '_') + "`");
            otherwise.ifPresent(
                    value -> assertThat(cells.get(2)).isEqualTo("`" + value.replace("${user.home}", "~") + "`"));
        });
    }

    /** Keys of a mapping with their defaults. */
    private static Map<String, Optional<String>> settings(String prefix, Class<?> mapping) {
        Map<String, Optional<String>> settings = new LinkedHashMap<>();
        for (Method method : mapping.getDeclaredMethods()) {
            String key = prefix + "." + method.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
            if (method.isDefault() || method.isSynthetic()) {
                continue;
            }
            if (method.getReturnType().getDeclaringClass() == D3sConfig.class) {
                settings.putAll(settings(key, method.getReturnType()));
            } else {
                settings.put(key, Optional.ofNullable(method.getAnnotation(WithDefault.class)).map(WithDefault::value));
            }
        }
        return settings;
    }

    @Test
    void shouldListEveryPresetWithWhatItExpandsTo() {
        Map<String, List<String>> rows = rows(section("server/README.md", "### Presets"));
        assertThat(rows.keySet()).containsExactlyElementsOf(Presets.all().stream().map(Preset::name).toList());
        for (Preset preset : Presets.all()) {
            List<String> cells = rows.getOrDefault(preset.name(), List.of());
            assertThat(cells.get(1)).isEqualTo(level(preset.rollouts()));
            assertThat(cells.get(2)).isEqualTo(level(preset.tokens()));
            assertThat(cells.get(3)).isEqualTo("`" + preset.rollouts().schedule() + "`")
                .isEqualTo("`" + preset.tokens().schedule() + "`");
        }
    }

    private static String level(Preset.Level level) {
        String name = "`" + level.selector() + "`";
        if (level.keepFrom() != level.keepTo()) {
            return name + ", " + level.keepFrom() + " to " + level.keepTo();
        }
        return level.keepFrom() == 1 ? name : name + ", " + level.keepFrom();
    }

    static List<PluginDescription> plugins() {
        try (PluginRegistry registry = PluginRegistry.discover(null)) {
            return registry.descriptions();
        }
    }

    @ParameterizedTest
    @MethodSource("plugins")
    void shouldExplainEveryPluginWithItsOptions(PluginDescription plugin) {
        String kind = section("plugins/README.md", switch (plugin.kind()) {
            case ROLLOUT_SELECTOR -> "### Rollout selectors";
            case TOKEN_SELECTOR -> "### Token selectors";
            case SCHEDULE -> "### Schedules";
            case REWARD_FUNCTION -> "### Graders";
        });
        int start = kind.indexOf("\n**`" + plugin.name() + "`**");
        assertThat(start).as("a paragraph that begins with **`%s`**", plugin.name()).isNotNegative();
        int next = kind.indexOf("\n**`", start + 1);
        Map<String, List<String>> options = rows(kind.substring(start, next < 0 ? kind.length() : next));
        assertThat(options.keySet())
            .containsExactlyInAnyOrderElementsOf(plugin.keys().stream().map(ConfigKey::name).toList());
        for (ConfigKey key : plugin.keys()) {
            Object value = key.defaultValue();
            assertThat(options.getOrDefault(key.name(), List.of()).get(1)).as(key.name())
                .isEqualTo(value == null ? "required" : value instanceof String ? "`" + value + "`" : value.toString());
        }
    }

    @Test
    void shouldDrawTheArrowsThatAreChecked() {
        Map<String, List<String>> rows = rows(section("server/README.md", "### Packages"));
        assertThat(new TreeSet<>(rows.keySet())).isEqualTo(
                Stream.concat(ArchitectureTest.ARROWS.keySet().stream(), Stream.of("wiring"))
                    .collect(Collectors.toCollection(TreeSet::new)));
        ArchitectureTest.ARROWS.forEach((name, seen) -> {
            String cell = rows.getOrDefault(name, List.of()).get(2);
            assertThat(cell.equals("nothing") ? List.of() : List.of(cell.split(", "))).as("what %s sees", name)
                .containsExactlyInAnyOrderElementsOf(seen);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"quarkus", "djl", "libtorch", "onnxruntime", "tribuo-onnx", "protobuf",
            "quarkus-jdbc-sqlite"})
    void shouldNameTheVersionsOfTheBuild(String library) {
        Matcher version = Pattern.compile("<" + library + "\\.version>([^<]+)<").matcher(text("pom.xml"));
        assertThat(version.find()).isTrue();
        assertThat(section("server/README.md", "### Versions that work together")).contains("| " + version.group(1));
    }

    static List<String> documents() throws IOException {
        try (Stream<Path> files = Files.walk(PROJECT, 2)) {
            return files.filter(file -> file.getFileName().toString().endsWith(".md"))
                .map(file -> PROJECT.relativize(file).toString())
                .sorted()
                .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("documents")
    void shouldLinkToFilesThatExist(String file) {
        LINK.matcher(text(file))
            .results()
            .forEach(link -> assertThat(PROJECT.resolve(file).resolveSibling(link.group(1))).exists());
    }

    @Test
    void shouldRunThePluginOfTheContract() throws Exception {
        String readme = text("spi/README.md");
        Matcher code = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
        assertThat(code.find()).isTrue();
        Path source = Files.writeString(directory.resolve("BrevityPlugin.java"), code.group(1));
        Path classes = Files.createDirectory(directory.resolve("classes"));
        assertThat(ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, "-proc:none", "-classpath", location(Plugin.class), "-d", classes.toString(),
                    source.toString()))
            .isZero();
        Path plugins = Files.createDirectory(directory.resolve("plugins"));
        jar(classes, plugins.resolve("brevity.jar"));
        try (PluginRegistry registry = PluginRegistry.discover(plugins)) {
            assertThat(registry.problems()).isEmpty();
            assertThat(registry.names(PluginKind.REWARD_FUNCTION)).contains("brevity");
            try (RewardFunction brevity = registry.rewardFunction("brevity", Map.of("characters", 3))) {
                assertThat(brevity.score(new RewardInput("1+1=", "two", false, Map.of()))).isEqualTo(1);
                assertThat(brevity.score(new RewardInput("1+2=", "three", false, Map.of()))).isZero();
            }
        }
    }

    private static String location(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    }

    private static void jar(Path classes, Path target) throws IOException {
        try (OutputStream out = Files.newOutputStream(target);
                JarOutputStream jar = new JarOutputStream(out);
                Stream<Path> files = Files.walk(classes)) {
            List<Path> content = files.filter(Files::isRegularFile).toList();
            for (Path file : content) {
                jar.putNextEntry(new JarEntry(classes.relativize(file).toString()));
                Files.copy(file, jar);
            }
            jar.putNextEntry(new JarEntry("META-INF/services/dev.d3s.spi.Plugin"));
            jar.write("org.example.brevity.BrevityPlugin\n".getBytes(StandardCharsets.UTF_8));
        }
    }
}

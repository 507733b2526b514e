package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collector;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.config.ConfigurationKey;
import dev.d3s.server.config.D3sConfig;
import dev.d3s.server.plugin.PluginDescription;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.selection.Preset;
import dev.d3s.server.selection.Presets;
import dev.d3s.server.training.Metric;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginFactory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.StatefulSelector;
import dev.d3s.spi.TokenSelector;

/** Holds what people read about the server to the code. */
class ReadmeTest {
    private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(?:#[^)]*)?\\)");

    /** A fenced block: the file it quotes, where it names one, its language and its content. */
    private static final Pattern FENCE = Pattern.compile("(?:<!-- (\\S+) -->\n)?^```(\\w*)\n(.*?)^```$",
            Pattern.DOTALL | Pattern.MULTILINE);
    private static final Collector<CharSequence, ?, String> LINES = Collectors.joining("\n", "", "\n");

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

    private static final String ABSENT = " when absent";

    /** The table of settings is what the javadoc of {@link D3sConfig} says: where they differ, the row to put there is in the message. */
    @Test
    void shouldListEverySettingAsItsJavadocDescribesIt() {
        Map<String, List<String>> rows = rows(section("server/README.md", "### Configuration"));
        Map<String, String> javadoc = javadoc("d3s", D3sConfig.class, text("server/src/main/java/"
                + D3sConfig.class.getName().replace('.', '/') + ".java"));
        assertThat(javadoc).hasSize(ConfigurationKey.all().size());
        List<String> wanted = ConfigurationKey.all().stream().map(key -> row(key, javadoc)).toList();
        List<String> shown = ConfigurationKey.all()
            .stream()
            .map(key -> "| " + String.join(" | ", rows.getOrDefault(key.name(), List.of())) + " |")
            .map(row -> row.replaceAll("\\[([^\\]]*)]\\([^)]*\\)", "$1")) // a link is as good as its words
            .toList();
        assertThat(shown).as("the settings in server/README.md, which should be\n%s", String.join("\n", wanted))
            .isEqualTo(wanted);
        assertThat(rows.keySet()).filteredOn(key -> key.startsWith("d3s."))
            .as("settings that exist")
            .containsExactlyInAnyOrderElementsOf(javadoc.keySet());
    }

    private static String row(ConfigurationKey key, Map<String, String> javadoc) {
        String text = javadoc.getOrDefault(key.name(), "");
        String otherwise = key.defaultValue() == null ? "" : "`" + key.defaultValue() + "`";
        if (text.endsWith(ABSENT)) {
            int start = Math.max(text.lastIndexOf("; "), text.lastIndexOf(", ")) + 2;
            otherwise = text.substring(start, text.length() - ABSENT.length());
            text = text.substring(0, start - 2);
        }
        assertThat(otherwise).as("%s has a default, or says in its javadoc what holds when absent", key.name())
            .isNotEmpty();
        String meaning = text.length() > 1 && Character.isUpperCase(text.charAt(1))
                ? text
                : text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
        return "| `" + key.name() + "` | `" + key.variable() + "` | " + otherwise.replace("${user.home}", "~") + " | "
                + meaning + " |";
    }

    /** What is said above each setting of a mapping, by key; without the full stop. */
    private static Map<String, String> javadoc(String prefix, Class<?> mapping, String source) {
        Map<String, String> texts = new LinkedHashMap<>();
        int start = source.indexOf("interface " + mapping.getSimpleName() + " {");
        for (Method method : mapping.getDeclaredMethods()) {
            if (method.isDefault() || method.isSynthetic()) {
                continue;
            }
            String key = prefix + "." + method.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
            if (method.getReturnType().getDeclaringClass() == D3sConfig.class) {
                texts.putAll(javadoc(key, method.getReturnType(), source));
                continue;
            }
            Matcher declared = Pattern.compile(
                    "/\\*\\*((?:(?!\\*/).)*)\\*/\\s*(?:@[^\n]*\\s+)*[^\n]* " + method.getName() + "\\(\\);",
                    Pattern.DOTALL)
                .matcher(source);
            assertThat(declared.find(start)).as("the javadoc of %s", key).isTrue();
            texts.put(key, declared.group(1)
                .replaceAll("\\s*\n\\s*\\*\\s*", " ")
                .replaceAll("\\{@code ([^}]*)}", "`$1`")
                .strip()
                .replaceAll("\\.$", ""));
        }
        return texts;
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
        try (Stream<Path> files = Files.walk(PROJECT, 3)) {
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

    /** What the guide shows is compiled, tested and run: a fence is a file of the example, or a region of one. */
    @Test
    void shouldShowCodeThatIsBuilt() {
        String guide = text("spi/README.md");
        List<MatchResult> fences = FENCE.matcher(guide).results().toList();
        assertThat(fences).filteredOn(fence -> fence.group(2).equals("java")).hasSizeGreaterThan(6);
        for (MatchResult fence : fences) {
            if (!List.of("", "sh").contains(fence.group(2))) {
                assertThat(fence.group(1)).as("where this is from:\n%s", fence.group(3)).isNotNull();
                assertThat(fence.group(3)).isEqualTo(quoted("spi/" + fence.group(1)));
            }
        }
    }

    /** A file, or what stands in it between the comments that name a region and its end, moved to the left. */
    private static String quoted(String reference) {
        String[] parts = reference.split("#", 2);
        List<String> lines = text(parts[0]).lines().toList();
        if (parts.length > 1) {
            int start = IntStream.range(0, lines.size())
                .filter(i -> lines.get(i).matches(" *(//|<!--) region " + parts[1] + "( -->)?"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("There is no region " + reference));
            List<String> region = lines.subList(start + 1, lines.size())
                .stream()
                .takeWhile(line -> !line.contains(" endregion"))
                .toList();
            int indent = region.stream()
                .filter(line -> !line.isBlank())
                .mapToInt(line -> line.length() - line.stripLeading().length())
                .min()
                .orElse(0);
            return region.stream().map(line -> line.isBlank() ? "" : line.substring(indent)).collect(LINES);
        }
        return lines.stream().collect(LINES);
    }

    @ParameterizedTest
    @ValueSource(classes = {Plugin.class, PluginFactory.class, RolloutSelector.class, TokenSelector.class,
            StatefulSelector.class, Schedule.class, RewardFunction.class, GraderServices.class})
    void shouldNumberTheGuaranteesAsTheJavadocDoes(Class<?> type) {
        String source = text("spi/src/main/java/" + type.getName().replace('.', '/') + ".java");
        List<String> promised = Pattern.compile("<li>(.*?)</li>", Pattern.DOTALL)
            .matcher(source)
            .results()
            .map(item -> item.group(1)
                .replaceAll("\\{@value[^}]*}", String.valueOf(StatefulSelector.MAXIMUM_BYTES))
                .replaceAll("\\{@(?:link|code) #?([^}]*)}", "`$1`")
                .replaceAll("\\s+\\* ", " ")
                .strip())
            .toList();
        String guide = section("spi/README.md", "### Guarantees");
        int start = guide.indexOf("**`" + type.getSimpleName() + "`**");
        assertThat(start).isNotNegative();
        int next = guide.indexOf("**`", start + 5);
        List<String> shown = Pattern.compile("^\\d+\\. ", Pattern.MULTILINE)
            .splitAsStream(guide.substring(start, next < 0 ? guide.length() : next))
            .skip(1)
            .map(item -> item.replaceAll("\\s+", " ").strip())
            .toList();
        assertThat(shown).isNotEmpty().isEqualTo(promised);
    }
}

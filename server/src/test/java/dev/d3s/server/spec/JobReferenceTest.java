package dev.d3s.server.spec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.job.TestServer;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.request.Section;
import dev.d3s.server.training.ObjectiveSettings;

/** Holds the reference of a job's members in README.md, and the example jobs, to the reader of jobs. */
class JobReferenceTest {
    private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();
    private static final String REINFORCEMENT = "\n### A reinforcement job\n";
    private static final String BOTH = "\nMembers of `d3s` for both kinds of job:\n";
    private static final String SUPERVISED = "\n### A supervised job\n";
    private static final String END = "\n### Presets\n";

    /** The built-in plugins only: what a person who reads the file has. */
    private static JobSpec read(JsonNode request) {
        try (PluginRegistry plugins = PluginRegistry.discover(null)) {
            return new JobSpecReader(plugins, StoredReferences.INSTANCE, "d3s").read(request);
        }
    }

    /** Between two lines of README.md, the members with their defaults. */
    private static Map<String, String> members(String from, String to) throws IOException {
        String readme = Files.readString(Path.of("README.md"));
        assertThat(readme).contains(from, to);
        Map<String, String> members = new LinkedHashMap<>();
        readme.substring(readme.indexOf(from), readme.indexOf(to))
            .lines()
            .filter(line -> line.startsWith("| `d3s.") || line.startsWith("| `hyperparameters."))
            .map(line -> line.split("\\|"))
            .forEach(cells -> members.put(cells[1].strip().replace("`", ""), cells[3].strip()));
        return members;
    }

    @Test
    void shouldListEveryMemberOfAReinforcementJobWithItsDefault() throws IOException {
        JobSpec job = read(TestServer.json("""
                {"model": "m", "training_file": "f", "method": {"type": "reinforcement", "reinforcement": {
                   "grader": {"type": "math"}}}}"""));
        check(members(REINFORCEMENT, SUPERVISED), job.request().at("/method/reinforcement"));
    }

    @Test
    void shouldListEveryMemberOfASupervisedJobWithItsDefault() throws IOException {
        JobSpec job = read(TestServer.json("""
                {"model": "m", "training_file": "f", "method": {"type": "supervised"}}"""));
        Map<String, String> members = members(BOTH, SUPERVISED);
        members.putAll(members(SUPERVISED, END));
        check(members, job.request().at("/method/supervised"));
    }

    /** Members whose default depends on the rows. */
    private static final Set<String> COMPUTED = Set.of("d3s.steps", "d3s.recording.interval", "d3s.evaluation.k");

    private static void check(Map<String, String> documented, JsonNode effective) {
        Map<String, JsonNode> leaves = new LinkedHashMap<>();
        for (String section : List.of("d3s", "hyperparameters")) {
            leaves(section, effective.path(section), leaves);
        }
        assertThat(leaves).hasSizeGreaterThan(10);
        leaves.forEach((member, value) -> {
            assertThat(documented).containsKey(member);
            String otherwise = documented.getOrDefault(member, "");
            if (value.isNumber() && !COMPUTED.contains(member)) {
                assertThat(Double.parseDouble(otherwise)).as(member).isEqualTo(value.doubleValue());
            } else if (!COMPUTED.contains(member)) {
                assertThat(otherwise).as(member).isEqualTo("`" + value.asText() + "`");
            }
        });
        assertThat(documented.keySet())
            .allSatisfy(member -> assertThat(effective.at("/" + member.replace('.', '/')).isMissingNode()).as(member)
                .isFalse());
    }

    /** Single values, and the names of plugins, by path. */
    private static void leaves(String path, JsonNode node, Map<String, JsonNode> leaves) {
        if (!node.isObject()) {
            leaves.put(path, node);
        } else if (node.has("name") && node.has("config")) {
            leaves.put(path, node.path("name"));
        } else {
            node.properties().forEach(member -> leaves(path + "." + member.getKey(), member.getValue(), leaves));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"supervised", "reinforcement-d3s", "reinforcement-grpo"})
    void shouldAcceptTheExampleJobs(String name) throws IOException {
        Path example = PROJECT.resolve("examples/arithmetic").resolve(name + ".json");
        assertThat(read(TestServer.json(Files.readString(example))).settings().steps()).isPositive();
    }

    @ParameterizedTest
    @EnumSource
    void shouldExplainEveryObjective(ObjectiveSettings.Name objective) throws IOException {
        String readme = Files.readString(Path.of("README.md"));
        String section = readme.substring(readme.indexOf("\n### Objectives\n"), readme.indexOf(SUPERVISED));
        assertThat(section).contains("\n| `" + Section.word(objective) + "` |");
    }

    @Test
    void shouldListEveryExample() throws IOException {
        Path examples = PROJECT.resolve("examples");
        String readme = Files.readString(examples.resolve("README.md"));
        try (Stream<Path> files = Files.list(examples.resolve("arithmetic"))) {
            assertThat(files.map(file -> "| `arithmetic/" + file.getFileName() + "` |")).isNotEmpty()
                .allSatisfy(row -> assertThat(readme).contains(row));
        }
    }
}

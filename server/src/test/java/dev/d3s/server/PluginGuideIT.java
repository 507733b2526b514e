package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A stranger's plugin, built from nothing of ours but what is published, does its work in the packaged server; and the
 * commands of the guide in {@code spi/README.md} do what it says when they are typed.
 */
@Timeout(value = 6, unit = TimeUnit.MINUTES)
class PluginGuideIT {
    private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();
    private static final Path BUILT = PROJECT.resolve("plugins/testkit/target/built/example/target");
    private static final String JAR = "d3s-example-plugin-1.0.0.jar";
    private static final Path JOB = PROJECT.resolve("plugins/example/job.json");
    private static final Path TRAINING_FILE = PROJECT.resolve("examples/arithmetic/train.jsonl");

    @TempDir
    Path directory;

    @BeforeEach
    void shouldHaveBeenBuilt() {
        assertThat(BUILT.resolve(JAR)).as("the example's jar, which the testkit's build makes: run ./d3s test, or Maven"
                + " with -pl server -am verify")
            .isRegularFile();
    }

    private Path withJar(Path plugins) throws IOException {
        Files.copy(BUILT.resolve(JAR), Files.createDirectories(plugins).resolve(JAR));
        return plugins;
    }

    private ServerProcess started(Path plugins) throws Exception {
        return new ServerProcess(Files.createDirectory(directory.resolve("home")),
                "-Dd3s.plugins.directory=" + plugins);
    }

    // ---------------------------------------------------------------- the plugin

    @Test
    void shouldUseAPluginOfAStranger() throws Exception {
        try (ServerProcess server = started(withJar(directory.resolve("plugins")))) {
            JsonNode listed = server.get("/v1/plugins");
            assertThat(listed.path("problems")).as("what could not be used").isEmpty();
            ObjectNode plugins = ServerProcess.JSON.createObjectNode();
            listed.path("data")
                .forEach(plugin -> plugins.set(plugin.path("kind").asText() + " " + plugin.path("name").asText(),
                        plugin));
            assertListed(plugins, "rollout_selector no-runaways", "factor");
            assertListed(plugins, "token_selector surprising");
            assertListed(plugins, "schedule hold-then-linear", "hold");
            assertListed(plugins, "reward_function length-budget", "characters", "tolerance", "member");
            JsonNode factor = plugins.path("rollout_selector no-runaways").at("/config_schema/properties/factor");
            assertThat(factor.path("type").asText()).isEqualTo("number");
            assertThat(factor.path("default").asDouble()).isEqualTo(2);
            assertThat(factor.path("maximum").asDouble()).isEqualTo(100);

            ObjectNode job = (ObjectNode) ServerProcess.JSON.readTree(JOB.toFile());
            job.put("training_file", server.upload(TRAINING_FILE));
            String id = server.post("/v1/fine_tuning/jobs", job).path("id").asText();
            List<ServerProcess.Event> events = server.follow(id, null, event -> false);
            JsonNode done = server.job(id);
            assertThat(done.path("status").asText()).as(events + "\n" + server.log()).isEqualTo("succeeded");
            JsonNode method = done.at("/method/reinforcement");
            assertThat(method.at("/grader/member").asText()).as("a default, filled in").isEqualTo("budget");
            assertThat(method.at("/d3s/rollouts/selector/config/factor").asDouble()).isEqualTo(1.5);

            List<JsonNode> steps = metrics(server.metrics(id));
            assertThat(steps).hasSize(6);
            assertThat(steps).as("the grader").allSatisfy(step -> {
                assertThat(step.path("reward_mean").asDouble(Double.NaN)).isBetween(0.0, 1.0);
                assertThat(step.path("reward_std").asDouble(Double.NaN)).isPositive();
                assertThat(step.path("ungraded_ratio").asDouble(Double.NaN)).isZero();
            });
            assertThat(steps).as("the rollout selector").allSatisfy(step -> {
                assertThat(step.path("rollout_selector_usual_length").asDouble(Double.NaN)).isPositive();
                assertThat(step.path("kept_rollouts").asDouble(Double.NaN)).isPositive()
                    .isLessThanOrEqualTo(32 - step.path("rollout_selector_runaways").asDouble(Double.NaN));
            });
            assertThat(steps.stream()
                .map(step -> step.path("rollout_selector_usual_length").asDouble(Double.NaN))
                .distinct())
                .as("its state moves")
                .hasSize(6);
            assertThat(steps.getFirst().path("kept_rollouts").asDouble(Double.NaN)).as("keep ratio 0.5 of 32")
                .isLessThanOrEqualTo(16);
            assertThat(steps.stream()
                .map(step -> Math.round(step.path("kept_token_ratio").asDouble(Double.NaN) * 50) / 50.0))
                .as("the token selector, on a schedule that holds for half of the run")
                .containsExactly(0.2, 0.2, 0.2, 0.32, 0.56, 0.8);
        }
    }

    private static void assertListed(JsonNode plugins, String kindAndName, String... options) {
        JsonNode plugin = plugins.path(kindAndName);
        assertThat(plugin.isObject()).as(kindAndName + " among " + plugins).isTrue();
        assertThat(plugin.path("version").asText()).isEqualTo("1.0.0");
        assertThat(plugin.path("description").asText()).endsWith(".");
        assertThat(plugin.at("/config_schema/type").asText()).isEqualTo("object");
        List<String> names = new ArrayList<>();
        plugin.at("/config_schema/properties").fieldNames().forEachRemaining(names::add);
        assertThat(names).containsExactly(options);
    }

    /** What each step after the first row of numbers reported; the row of step -1 is left out. */
    private static List<JsonNode> metrics(List<String> table) {
        List<String> names = List.of(table.getFirst().split(",", -1));
        List<JsonNode> steps = new ArrayList<>();
        for (String row : table.subList(1, table.size())) {
            String[] cells = row.split(",", -1);
            ObjectNode step = ServerProcess.JSON.createObjectNode();
            for (int i = 0; i < cells.length; i++) {
                if (!cells[i].isEmpty()) {
                    step.put(names.get(i), Double.valueOf(cells[i]));
                }
            }
            if (step.path("step").asInt(-1) >= 0) {
                steps.add(step);
            }
        }
        return steps;
    }

    // ---------------------------------------------------------------- the guide's commands

    /** The commands of a section, in order. */
    private static String commands(String heading) throws IOException {
        String guide = Files.readString(PROJECT.resolve("spi/README.md"));
        int start = guide.indexOf("\n" + heading + "\n");
        assertThat(start).as(heading).isNotNegative();
        Matcher blocks = Pattern.compile("^```sh\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE)
            .matcher(guide.substring(start, guide.indexOf("\n### ", start + 1)));
        return blocks.results().map(block -> block.group(1)).collect(Collectors.joining());
    }

    /**
     * A checkout in which only two things are ours: {@code ./mvnw}, because the build that runs this test has run both
     * commands of Maven in its own way, on the same sources; and {@code ./d3s}, which would build the server again.
     */
    private Path checkout() throws IOException {
        Path checkout = Files.createDirectory(directory.resolve("checkout"));
        for (String part : List.of("plugins", "spi", "examples")) {
            Files.createSymbolicLink(checkout.resolve(part), PROJECT.resolve(part));
        }
        script(checkout.resolve("mvnw"), """
                case "$*" in
                '-pl spi,plugins/testkit -am install') test -f spi/pom.xml && test -f plugins/testkit/pom.xml ;;
                '-f ../my-plugin/pom.xml package') test -f ../my-plugin/pom.xml && mkdir ../my-plugin/target &&
                    cp "%s" ../my-plugin/target/ ;;
                *) echo "unexpected: $*" >&2; exit 1 ;;
                esac
                """.formatted(BUILT.resolve(JAR)));
        script(checkout.resolve("d3s"), """
                test "$*" = serve
                (cd "$D3S_PLUGINS_DIRECTORY" && pwd) > ../served
                """);
        return checkout;
    }

    private static void script(Path file, String commands) throws IOException {
        Files.writeString(file, "#!/bin/sh\nset -e\n" + commands);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private static String typed(Path checkout, String commands) throws Exception {
        Path output = checkout.resolveSibling("output");
        Process shell = new ProcessBuilder("bash", "-euo", "pipefail", "-c", commands).directory(checkout.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
        shell.getOutputStream().close();
        int status = shell.waitFor();
        String printed = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(status).as(commands + "\nprinted:\n" + printed).isZero();
        return printed;
    }

    @Test
    void shouldDoWhatTheGuideSays() throws Exception {
        assumeThat(onPath("bash") && onPath("curl")).as("the guide is typed into bash and uses curl").isTrue();
        Path checkout = checkout();
        String serve = "./d3s serve\n";
        String commands = commands("### Build it") + commands("### Try it");
        int served = commands.indexOf(serve) + serve.length();
        assertThat(served).isGreaterThan(serve.length());
        typed(checkout, commands.substring(0, served));
        Path plugins = Path.of(Files.readString(directory.resolve("served")).strip());
        try (ServerProcess server = started(plugins)) {
            String address = "http://127.0.0.1:8080";
            String rest = commands.substring(served);
            assertThat(rest).contains(address);
            String printed = typed(checkout, rest.replace(address, server.address()));
            assertThat(printed).contains("\"name\":\"no-runaways\",\"version\":\"1.0.0\"")
                .contains("The job has succeeded")
                .contains("step,kept_rollouts,kept_token_ratio,rollout_selector_runaways\n");
        }
    }

    private static boolean onPath(String command) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
            .anyMatch(entry -> Files.isExecutable(Path.of(entry, command)));
    }
}

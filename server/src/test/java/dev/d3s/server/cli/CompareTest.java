package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

class CompareTest {
    @TempDir
    Path directory;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private FakeServer server;

    @BeforeEach
    void startServer() throws IOException {
        server = new FakeServer();
        server.metrics = job -> {
            if (FakeServer.supervised(job)) {
                return "step,accuracy\n-1,0.0\n349,0.25\n";
            }
            return job.path("suffix").asText().equals("grpo")
                    ? Comparisons.csv(1000, 1, 0.25, 0.5, 0.8, 0.9, 1.0)
                    : Comparisons.csv(200, 0.5, 0.25, 0.4, 0.85, 0.9, 0.95);
        };
    }

    @AfterEach
    void stopServer() {
        server.close();
    }

    @Test
    void shouldRunEveryPresetOnEverySeedFromOneStart() throws IOException {
        Path page = directory.resolve("out.html");

        int exit = run("--presets", "grpo,d1s,d3s:rollouts=0.25-0.5", "--seeds", "3", "--seed", "5", "--steps", "4",
                "--report", page.toString());

        assertThat(exit).as(text()).isZero();
        assertThat(server.jobs).hasSize(12);
        assertThat(order()).containsExactly("supervised 5", "grpo 5", "d1s 5", "d3s 5", "supervised 6", "d1s 6",
                "d3s 6", "grpo 6", "supervised 7", "d3s 7", "grpo 7", "d1s 7");
        JsonNode job = server.jobs.get(3);
        assertThat(job.path("model").asText()).isEqualTo("ft:arithmetic-base:d3s:demo:0");
        assertThat(server.jobs.get(7).path("model").asText()).isEqualTo("ft:arithmetic-base:d3s:demo:4");
        assertThat(job.path("training_file")).isEqualTo(server.jobs.get(1).path("training_file"));
        assertThat(job.at("/method/reinforcement/hyperparameters/eval_interval").asInt()).isEqualTo(2);
        assertThat(job.at("/method/reinforcement/d3s/group_size").asInt()).isEqualTo(16);
        assertThat(job.at("/method/reinforcement/d3s/rollouts/keep/to").asDouble()).isEqualTo(0.5);
        assertThat(job.at("/method/reinforcement/d3s/optimizer/learning_rate").asDouble()).isEqualTo(2e-4);
        assertThat(server.jobs.get(1).at("/method/reinforcement/d3s").has("rollouts")).isFalse();

        assertThat(text()).contains("seed 5, start: held-out accuracy 25.0 %")
            .contains("  1/9  seed 5  grpo                   final 90.0 %  trained 4,000 tokens  update 4.0 s")
            .contains("9/9  seed 7  d1s")
            .contains(" left\n")
            .contains("2 of 2 presets matched GRPO's final accuracy")
            .contains("  d1s: met on every seed.")
            .contains("Report: " + page)
            .doesNotContain("\u001b");
        assertThat(Files.readAllLines(directory.resolve("out.csv"))).hasSize(4);
        assertThat(Files.readAllLines(directory.resolve("out-runs.csv"))).hasSize(10)
            .element(4)
            .asString()
            .startsWith("d1s,6,1,succeeded,,0.25,");
        assertThat(Files.readAllLines(directory.resolve("out-steps.csv"))).hasSize(1 + 9 * 5);
        assertThat(Files.readString(page)).contains("d3s:rollouts=0.25-0.5").doesNotContain("Unfinished");
    }

    @Test
    void shouldTakeThePresetsOfTheServer() {
        assertThat(run("--seeds=1", "--steps=4")).isZero();

        assertThat(order()).containsExactly("supervised 0", "grpo 0", "d1s 0", "d3s 0");
        assertThat(text()).contains("Presets: grpo, d1s, d3s").doesNotContain("Report:");
    }

    @Test
    void shouldTeachAWeakStartBadly() {
        assertThat(run("--seeds=1", "--start=weak", "--presets=grpo")).isZero();

        JsonNode job = server.jobs.get(1).at("/method/reinforcement/d3s");
        assertThat(job.path("steps").asInt()).isEqualTo(80);
        assertThat(job.at("/optimizer/decay").asText()).isEqualTo("constant");
        assertThat(job.at("/optimizer/learning_rate").asDouble()).isEqualTo(3e-4);
        assertThat(wrong(server.file("file-0"))).isGreaterThan(0.8);
        assertThat(text()).contains("weak start").contains("GRPO alone: there is nothing to compare.");
    }

    /** Share of wrong sums. */
    private static double wrong(String rows) {
        List<String> lines = rows.lines().toList();
        return lines.stream().filter(row -> {
            String[] numbers = row.replaceAll(".*:\"(\\d+)\\+(\\d+)=.*;(\\d+)\"}", "$1 $2 $3").split(" ");
            return Integer.parseInt(numbers[0]) + Integer.parseInt(numbers[1]) != Integer.parseInt(numbers[2]);
        }).count() / (double) lines.size();
    }

    @Test
    void shouldKeepTheOtherRunsWhenOneFails() throws IOException {
        server.ends.put(2, "failed");
        Path page = directory.resolve("out.html");

        int exit = run("--presets=d1s,d3s", "--seeds=1", "--report=" + page);

        assertThat(exit).isEqualTo(1);
        assertThat(text()).contains("d1s   failed: job ftjob-2 is failed: The loss is NaN at step 3")
            .contains("3/3  seed 0  d3s   final 90.0 %")
            .contains("  Failed: d1s on seed 0: job ftjob-2 is failed")
            .contains("0, 1 failed");
        assertThat(Files.readString(directory.resolve("out-runs.csv"))).contains("d1s,0,2,failed,");
        assertThat(Files.readString(page)).contains("Failed: d1s on seed 0");
    }

    @Test
    void shouldGoOnWithTheNextSeedWhenAStartFails() throws IOException {
        server.ends.put(0, "failed");
        Path page = directory.resolve("out.html");

        int exit = run("--presets=d3s", "--seeds=2", "--report=" + page);

        assertThat(exit).isEqualTo(1);
        assertThat(order()).containsExactly("supervised 0", "supervised 1", "d3s 1", "grpo 1");
        assertThat(text()).contains("seed 0, start  failed: job ftjob-0 is failed").contains("1, 1 failed");
        assertThat(Files.readAllLines(directory.resolve("out-runs.csv"))).hasSize(5);
    }

    @Test
    void shouldSayWhatTheServerRefusedBeforeAnyRun() {
        assertThat(run("--presets=grpo,d3s", "--seed=400")).isEqualTo(1);
        assertThat(text()).contains("The comparison failed: The server refused (400): There is no preset 'd4s'.");
    }

    @Test
    void shouldNameAnUnknownPresetBeforeAnyJob() {
        assertThat(run("--presets=grpo,d4s")).isEqualTo(1);
        assertThat(text()).contains("The comparison failed: There is no preset 'd4s'; known presets: grpo, d1s, d3s.");
        assertThat(server.jobs).isEmpty();
    }

    @Test
    void shouldKeepWhatHadEndedWhenItIsInterrupted() throws Exception {
        Path page = directory.resolve("out.html");
        AtomicInteger ended = new AtomicInteger();
        var metrics = server.metrics;
        Thread client = Thread.currentThread();
        server.metrics = job -> {
            if (ended.incrementAndGet() == 3) {
                client.interrupt();
            }
            return metrics.apply(job);
        };

        int exit = run("--presets=grpo,d3s", "--seeds=1", "--report=" + page);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(exit).isEqualTo(130);
        assertThat(text()).contains("Stopped; the comparison leaves nothing behind.")
            .contains("The report has the 1 runs that had ended");
        assertThat(Files.readString(page)).contains("Unfinished: 1 of 2 runs have ended.");
    }

    private List<String> order() {
        return server.jobs.stream()
            .map(job -> (FakeServer.supervised(job) ? "supervised" : job.path("suffix").asText()) + " "
                    + job.path("seed").asLong())
            .toList();
    }

    private int run(String... arguments) {
        Terminal terminal = new Terminal(new PrintStream(bytes, true, StandardCharsets.UTF_8), false, 80);
        return new Compare(server.uri(), CompareOptions.parse(arguments), terminal, ArithmeticJobs.Size.USUAL).run();
    }

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}

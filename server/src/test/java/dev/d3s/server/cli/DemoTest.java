package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

class DemoTest {
    @TempDir
    Path directory;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private FakeServer server;

    @BeforeEach
    void startServer() throws IOException {
        server = new FakeServer();
    }

    @AfterEach
    void stopServer() {
        server.close();
    }

    @Test
    void shouldRunBothJobsAndReport() throws IOException {
        Path report = directory.resolve("report.json");

        int exit = run(new DemoOptions("d3s", report, 5, 40, false));

        assertThat(exit).as(text()).isZero();
        assertThat(server.files).hasSize(3);
        assertThat(server.file("file-0").lines()).hasSize(350 * 32).first().asString().contains("\"completion\"");
        assertThat(server.file("file-1").lines()).hasSize(640);
        assertThat(server.file("file-2").lines()).hasSize(512);

        JsonNode supervised = server.jobs.get(0);
        assertThat(supervised.path("model").asText()).isEqualTo("arithmetic-base");
        assertThat(supervised.at("/method/supervised/d3s/optimizer/learning_rate").asDouble()).isEqualTo(3e-3);
        assertThat(supervised.at("/method/supervised/grader/type").asText()).isEqualTo("math");
        JsonNode reinforcement = server.jobs.get(1);
        assertThat(reinforcement.path("model").asText()).isEqualTo("ft:arithmetic-base:d3s:demo:0");
        assertThat(reinforcement.path("training_file").asText()).isEqualTo("file-1");
        assertThat(reinforcement.path("validation_file").asText()).isEqualTo("file-2");
        assertThat(reinforcement.path("seed").asInt()).isEqualTo(5);
        assertThat(reinforcement.at("/method/reinforcement/d3s/preset").asText()).isEqualTo("d3s");
        assertThat(reinforcement.at("/method/reinforcement/d3s/steps").asInt()).isEqualTo(40);

        JsonNode json = ApiClient.JSON.readTree(Files.readAllBytes(report));
        assertThat(json.path("accuracy_initial").asDouble()).isZero();
        assertThat(json.path("accuracy_supervised").asDouble()).isEqualTo(0.1640625);
        assertThat(json.path("accuracy_final").asDouble()).isEqualTo(0.984375);
        assertThat(json.path("generated_tokens").asLong()).isEqualTo(320_000);
        assertThat(json.path("trained_tokens").asLong()).isEqualTo(108_000);
        assertThat(json.at("/seconds_by_phase/rollout").asDouble()).isEqualTo(0.75);
        assertThat(json.at("/seconds_by_phase/update").asDouble()).isEqualTo(0.375);
        assertThat(json.path("seconds").isNumber()).isTrue();
        assertThat(json.path("preset").asText()).isEqualTo("d3s");
        assertThat(text()).contains("after D3S                   98.4 %")
            .contains("108,000   (33.8 %)")
            .contains("sloppy on purpose")
            .contains("The job has begun.")
            .contains("supervised 10/10  loss 1.250")
            .contains("D3S 10/10  reward 0.50")
            .contains("curl -s " + server.uri() + "/v1/completions")
            .contains("./d3s demo --preset grpo");
    }

    @Test
    void shouldSayWhyAJobFailed() {
        server.ends.put(1, "failed");

        int exit = run(new DemoOptions("d3s", null, 5, 40, false));

        assertThat(exit).isEqualTo(1);
        assertThat(text()).contains(
                "The demo failed: job ftjob-1 is failed: The loss is NaN at step 3: lower the learning rate.")
            .doesNotContain("Held-out accuracy (greedy)");
    }

    @Test
    void shouldSayWhyTheServerRefused() {
        assertThat(run(new DemoOptions("d4s", null, 400, 40, false))).isEqualTo(1);
        assertThat(text()).contains("The demo failed: The server refused (400): There is no preset 'd4s'.");
    }

    @Test
    void shouldSayThatNoServerAnswers() throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        URI nobody = URI.create("http://127.0.0.1:" + port);

        int exit = new Demo(nobody, DemoOptions.parse(), terminal()).run();

        assertThat(exit).isEqualTo(1);
        assertThat(text()).contains("No server answers at " + nobody);
    }

    @Test
    void shouldTakeUpABrokenStreamWhereItEnded() throws Exception {
        server.breakAfter = 2;
        server.ends.put(0, "running");
        List<String> ids = new ArrayList<>();
        try (ApiClient api = new ApiClient(server.uri())) {
            JsonNode job = new JobFollower(api, 50).follow("ftjob-0", event -> {
                ids.add(event.path("id").asText());
                if (event.path("data").path("step").asInt() == 9) {
                    server.ends.put(0, "succeeded");
                }
            });

            assertThat(job.path("status").asText()).isEqualTo("succeeded");
        }
        assertThat(ids).containsExactly("ftevent-0-0", "ftevent-0-1", "ftevent-0-2", "ftevent-0-3", "ftevent-0-4");
        assertThat(server.lastEventIds).containsExactly("null", "ftevent-0-1", "ftevent-0-3");
    }

    @Test
    void shouldNotWaitForAStreamWithoutAnEnd() throws Exception {
        server.endless = true;
        List<String> ids = new ArrayList<>();
        try (ApiClient api = new ApiClient(server.uri())) {
            JsonNode job = new JobFollower(api, 50).follow("ftjob-1", event -> ids.add(event.path("id").asText()));

            assertThat(job.path("status").asText()).isEqualTo("succeeded");
        }
        assertThat(ids).hasSize(5);
    }

    private int run(DemoOptions options) {
        return new Demo(server.uri(), options, terminal()).run();
    }

    private Terminal terminal() {
        return new Terminal(new PrintStream(bytes, true, StandardCharsets.UTF_8), false, 80);
    }

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}

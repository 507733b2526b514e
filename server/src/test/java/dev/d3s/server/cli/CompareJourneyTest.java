package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.RealServer;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;

/** A comparison against the whole server, so small that nothing is learnt. */
@QuarkusTest
@TestProfile(RealServer.class)
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class CompareJourneyTest {
    @TestHTTPResource("/")
    URI base;

    @TempDir
    Path directory;

    @Test
    void shouldGetEveryFigureFromTheServer() throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Terminal terminal = new Terminal(new PrintStream(bytes, true, StandardCharsets.UTF_8), false, 80);
        CompareOptions options = CompareOptions.parse("--presets", "grpo,d3s:rollouts=0.5:tokens=0.2-0.5", "--seeds",
                "2", "--steps", "3", "--report", directory.resolve("out.html").toString());

        int exit = new Compare(base, options, terminal, new ArithmeticJobs.Size(4, 8, 2, 4, 8)).run();

        assertThat(exit).as(bytes.toString(StandardCharsets.UTF_8)).isZero();
        MetricTable runs = MetricTable.parse(Files.readString(directory.resolve("out-runs.csv")));
        assertThat(runs.rows()).hasSize(4).allSatisfy(run -> {
            assertThat(run.text("status")).isEqualTo("succeeded");
            assertThat(run.value("whole_steps")).hasValue(3);
            for (String figure : new String[]{"start_accuracy", "final_accuracy", "whole_generated_tokens",
                    "whole_trained_tokens", "whole_update_seconds", "whole_seconds", "entropy_first", "entropy_last",
                    "skipped_steps"}) {
                assertThat(run.value(figure)).as(figure).isPresent();
            }
        });
        MetricTable steps = MetricTable.parse(Files.readString(directory.resolve("out-steps.csv")));
        assertThat(steps.rows()).hasSize(4 * 4);
        assertThat(steps.rows().stream().filter(row -> row.value("accuracy").isPresent()))
            .as("before training, after two steps, after the last one")
            .hasSize(4 * 3);
    }
}

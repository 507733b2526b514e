package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.ServerProcess.Event;
import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;

/** What a job and its server survive: a kill, an orderly end, a full disk; and what a server says that does not start. The packaged server, as a process. */
@Timeout(value = 6, unit = TimeUnit.MINUTES)
class RestartIT {
    private static final ObjectNode NOTHING = ServerProcess.JSON.createObjectNode();

    @TempDir
    Path directory;

    private Path home;
    private ArithmeticTask.TaskFiles files;

    @BeforeEach
    void write() throws IOException {
        home = Files.createDirectory(directory.resolve("home"));
        files = ArithmeticTask.write(directory.resolve("data"), 7, 800, 100, 16);
    }

    private ObjectNode job(ServerProcess server, int steps, int checkpointInterval) throws Exception {
        ObjectNode job = ServerProcess.JSON.createObjectNode()
            .put("model", ExampleModels.ARITHMETIC)
            .put("training_file", server.upload(files.supervised()))
            .put("validation_file", server.upload(files.heldOut()))
            .put("seed", 7);
        ObjectNode d3s = job.putObject("method")
            .put("type", "supervised")
            .putObject("supervised")
            .putObject("d3s")
            .put("steps", steps)
            .put("batch_size", 8)
            .put("max_tokens", 34);
        d3s.putObject("evaluation").put("samples", 16);
        d3s.putObject("checkpoint").put("interval", checkpointInterval);
        return job;
    }

    private static String create(ServerProcess server, ObjectNode job) throws Exception {
        return server.post("/v1/fine_tuning/jobs", job).path("id").asText();
    }

    private static List<Integer> steps(ServerProcess server, String id) throws Exception {
        List<String> rows = server.metrics(id);
        assertThat(rows.getFirst()).startsWith("step,");
        return rows.stream().skip(1).map(row -> Integer.valueOf(row.substring(0, row.indexOf(',')))).toList();
    }

    private static List<Integer> checkpoints(ServerProcess server, String id) throws Exception {
        List<Integer> steps = new ArrayList<>();
        server.get("/v1/fine_tuning/jobs/" + id + "/checkpoints?limit=100")
            .path("data")
            .forEach(checkpoint -> steps.add(checkpoint.path("step_number").asInt()));
        return steps;
    }

    /** Follows a job to its end, which is success after every step. */
    private static void followToTheEnd(ServerProcess server, String id, String lastEvent, int steps) throws Exception {
        checkSuccess(server, id, server.follow(id, lastEvent, event -> false), steps);
    }

    private static void checkSuccess(ServerProcess server, String id, List<Event> rest, int steps) throws Exception {
        assertThat(rest.getLast().message()).as(server.log()).startsWith("The job has succeeded");
        JsonNode done = server.job(id);
        assertThat(done.path("status").asText()).isEqualTo("succeeded");
        assertThat(done.path("error").isNull()).as(done.toString()).isTrue();
        assertThat(steps(server, id)).isEqualTo(IntStream.range(-1, steps).boxed().toList());
        assertThat(checkpoints(server, id)).startsWith(steps);
        ObjectNode completion = ServerProcess.JSON.createObjectNode()
            .put("model", done.path("fine_tuned_model").asText())
            .put("prompt", "478+718=")
            .put("max_tokens", 34)
            .put("temperature", 0);
        assertThat(server.post("/v1/completions", completion).path("choices").path(0).path("text").asText())
            .isNotEmpty();
    }

    @Test
    void shouldGoOnAfterAKillAndFinishTheJob() throws Exception {
        int steps = 80;
        String id;
        List<Event> before;
        try (ServerProcess server = new ServerProcess(home)) {
            id = create(server, job(server, steps, 20));
            before = server.follow(id, null, event -> event.message().startsWith("Checkpoint after 40 steps"));
            server.kill();
        }
        assertThat(before.getLast().message()).startsWith("Checkpoint after 40 steps");

        try (ServerProcess server = new ServerProcess(home)) {
            List<Event> events = server.follow(id, null,
                    event -> event.message().startsWith("The job goes on after step"));
            assertThat(events).extracting(Event::id).startsWith(before.stream().map(Event::id).toArray(String[]::new));
            assertThat(events).extracting(Event::message)
                .contains(
                        "The job was interrupted by a restart of the server; it is queued again and goes on after its last "
                                + "checkpoint.");
            assertThat(checkpoints(server, id)).contains(40, 20);

            followToTheEnd(server, id, events.getLast().id(), steps);
        }
    }

    @Test
    void shouldQueueTheRunningJobAgainWhenTerminated() throws Exception {
        String id;
        try (ServerProcess server = new ServerProcess(home)) {
            id = create(server, job(server, 1_000_000, 0));
            server.follow(id, null, event -> event.content().path("data").path("step").asInt(-1) == 3);
            assertThat(server.terminate(Duration.ofSeconds(30))).as(server.log()).isTrue();
        }
        try (ServerProcess server = new ServerProcess(home)) {
            List<Event> events = server.follow(id, null,
                    event -> event.message().startsWith("The job goes on after step"));
            assertThat(events).extracting(Event::message)
                .contains("The server stopped: the job is queued again, and goes on after its last checkpoint.");
            int goesOn = Integer.parseInt(events.getLast().message().replaceAll("\\D", ""));
            assertThat(goesOn).isGreaterThanOrEqualTo(4);
            assertThat(checkpoints(server, id)).as("of its last step").contains(goesOn);
            server.post("/v1/fine_tuning/jobs/" + id + "/cancel", NOTHING);
            server.follow(id, null, event -> false);
            assertThat(server.job(id).path("status").asText()).isEqualTo("cancelled");
        }
    }

    @Test
    void shouldPauseAJobThatFillsTheDiskAndLetItGoOnWhenThereIsSpace() throws Exception {
        assumeThat(mount("-t", "tmpfs", "-o", "size=14m", "tmpfs", home.toString()))
            .as("a small file system can only be mounted by root")
            .isTrue();
        try (ServerProcess server = new ServerProcess(home)) {
            int steps = 12;
            String id = create(server, job(server, steps, 1)); // each checkpoint takes 3.7 MB
            List<Event> events = server.follow(id, null,
                    event -> event.message().startsWith("The job is paused because the disk is full"));
            JsonNode job = server.job(id);
            assertThat(job.path("status").asText()).as(server.log()).isEqualTo("paused");
            assertThat(job.path("error").path("code").asText()).isEqualTo("disk_full");
            assertThat(job.path("error").path("message").asText())
                .contains(home.resolve("jobs").resolve(id).resolve("checkpoints").toString(), "free space");
            assertThat(checkpoints(server, id)).as("what fitted is there").isNotEmpty();
            assertThat(server.status("/q/health/live")).isEqualTo(200);
            assertThat(server.status("/v1/models")).isEqualTo(200);

            // with more room the same job goes on by itself
            assertThat(mount("-o", "remount,size=128m", home.toString())).isTrue();
            List<Event> rest = server.follow(id, events.getLast().id(), event -> false);
            assertThat(rest).extracting(Event::message).anyMatch(message -> message.contains("free in " + home));
            checkSuccess(server, id, rest, steps);
        } finally {
            new ProcessBuilder("umount", "--lazy", home.toString()).start().waitFor();
        }
    }

    @Test
    void shouldSayInASentenceWhyItDoesNotStart() {
        assertThatThrownBy(() -> new ServerProcess(home, "-Dquarkus.http.host=0.0.0.0"))
            .hasMessageContaining("The server does not start: quarkus.http.host is 0.0.0.0")
            .message()
            .contains("Make a key first: ./d3s keys create")
            .as("no stack trace")
            .doesNotContain("\tat ", "Caused by");
    }

    private static boolean mount(String... arguments) throws InterruptedException {
        List<String> command = new ArrayList<>(List.of("mount"));
        command.addAll(List.of(arguments));
        try {
            return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
        } catch (IOException e) {
            return false; // there is no such command here
        }
    }
}

package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;

/**
 * A job whose server is killed again and again, in the middle of whatever it does, ends with the metrics, checkpoints and weights
 * of one that nobody touched. The packaged server, as a process, on one thread. {@code -Dd3s.kills=20} is the long way,
 * {@code -Dd3s.kills.seed} decides the moments.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class KillIT {
    private static final int KILLS = Integer.getInteger("d3s.kills", 3);
    private static final long SEED = Long.getLong("d3s.kills.seed", System.nanoTime() % 1_000_000);
    private static final int INTERVAL = 4;
    private static final Set<String> ENDED = Set.of("succeeded", "failed", "cancelled");
    private static final ObjectNode NOTHING = ServerProcess.JSON.createObjectNode();
    /** A small heap starts fast, and the compiler for long runs would hardly be done before the kill. */
    private static final String[] SETTINGS = {"-Dd3s.threads=1", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-Xshare:auto", "-Dquarkus.log.level=WARN", "-Dquarkus.log.category.\"io.quarkus\".level=INFO"};

    @TempDir
    Path directory;

    private final Random random = new Random(SEED);
    private final int steps = 20 + 16 * KILLS;
    private final Map<Moment, Integer> kills = new TreeMap<>();

    /** When the process is killed. */
    private enum Moment {
        /** Some time after the job went on. */
        ANY,
        /** While a checkpoint is being written. */
        CHECKPOINT_FILES,
        /** When its directory has just got its name: before, in or after the transaction that lists it. */
        CHECKPOINT_ROW,
        /** When the database's log has just grown: in or after the transaction of a step. */
        TRANSACTION,
        /** While the next run reads its checkpoint and opens its engines. */
        OPENING
    }

    private ObjectNode job(ServerProcess server) throws Exception {
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(Files.createTempDirectory(directory, "data"), 7, 64, 64,
                8);
        ObjectNode job = ServerProcess.JSON.createObjectNode()
            .put("model", ExampleModels.ARITHMETIC)
            .put("training_file", server.upload(files.train()))
            .put("validation_file", server.upload(files.heldOut()))
            .put("seed", 7);
        ObjectNode method = job.putObject("method").put("type", "reinforcement").putObject("reinforcement");
        // a policy with random weights writes something that is more or less like this
        method.putObject("grader")
            .put("type", "text_similarity")
            .put("name", "like")
            .put("input", "{{sample.output_text}}")
            .put("reference", "1234567890")
            .put("evaluation_metric", "fuzzy_match");
        ObjectNode d3s = method.putObject("d3s").put("steps", steps).put("group_size", 4);
        method.putObject("hyperparameters").put("batch_size", 2);
        d3s.putObject("sampling").put("max_tokens", 16);
        d3s.putObject("optimizer").put("learning_rate", 1e-3);
        d3s.putObject("objective").put("kl_beta", 0.01);
        d3s.putObject("evaluation").put("interval", 3).put("samples", 8).put("n", 2);
        d3s.putObject("checkpoint").put("interval", INTERVAL).put("keep_last", 3);
        d3s.putObject("resources").put("refresh", "in-place");
        return job;
    }

    private static String create(ServerProcess server, ObjectNode job) throws Exception {
        return server.post("/v1/fine_tuning/jobs", job).path("id").asText();
    }

    /** Goes on with a job that a dead server left, unless the server does so by itself. */
    private static String goOn(ServerProcess server, String id) throws Exception {
        String status = server.job(id).path("status").asText();
        if (status.equals("paused")) {
            status = server.post("/v1/fine_tuning/jobs/" + id + "/resume", NOTHING).path("status").asText();
        }
        return status;
    }

    private static boolean await(long seconds, BooleanSupplier condition) {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > limit) {
                return false;
            }
            LockSupport.parkNanos(200_000);
        }
        return true;
    }

    private static List<String> names(Path directory) {
        try (Stream<Path> paths = Files.list(directory)) {
            return paths.map(path -> path.getFileName().toString()).toList();
        } catch (IOException e) {
            return List.of(); // not there yet
        }
    }

    private static String state(Path file) {
        try {
            FileTime time = Files.getLastModifiedTime(file);
            return Files.size(file) + " " + time;
        } catch (IOException e) {
            return "none";
        }
    }

    /** Waits for a moment after the job went on. */
    private void awaitMoment(Moment moment, Path home, String id) {
        Path checkpoints = home.resolve("jobs").resolve(id).resolve("checkpoints");
        // so that the same kind of moment is not always in the first step of a run
        int skipped = random.nextInt(3);
        switch (moment) {
            case ANY -> LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300 + random.nextInt(1500)));
            case OPENING -> LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(400)));
            case CHECKPOINT_FILES, CHECKPOINT_ROW -> {
                for (int seen = 0; seen <= skipped; seen++) {
                    List<String> before = names(checkpoints);
                    await(20, () -> names(checkpoints).stream()
                        .anyMatch(name -> !before.contains(name)
                                && name.startsWith(moment == Moment.CHECKPOINT_ROW ? "step-" : ".step-")));
                }
                LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(random.nextInt(6000)));
            }
            case TRANSACTION -> {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300 + random.nextInt(600)));
                for (int seen = 0; seen <= skipped; seen++) {
                    String before = state(home.resolve("d3s.db-wal"));
                    await(20, () -> !state(home.resolve("d3s.db-wal")).equals(before));
                }
            }
        }
    }

    @Test
    void shouldEndLikeAnUninterruptedJobHoweverOftenItsServerIsKilled() throws Exception {
        System.out.println("KillIT: " + KILLS + " kills, -Dd3s.kills.seed=" + SEED + ", " + steps + " steps");
        Path calm = Files.createDirectory(directory.resolve("calm"));
        Outcome expected;
        try (ServerProcess server = new ServerProcess(calm, SETTINGS)) {
            String id = create(server, job(server));
            server.follow(id, null, event -> false);
            expected = Outcome.of(server, calm, id);
        }
        assertThat(expected.status).isEqualTo("succeeded");
        assertThat(expected.metrics).containsKey("loss");
        assertThat(expected.metrics.get("skipped")).as("steps that trained nothing").doesNotContain("1.0");
        assertThat(expected.metrics.get("step")).hasSize(steps + 1);

        Path home = Files.createDirectory(directory.resolve("killed"));
        String id = null;
        int done = 0;
        while (true) {
            try (ServerProcess server = new ServerProcess(home, SETTINGS)) {
                if (id == null) {
                    id = create(server, job(server));
                } else if (ENDED.contains(goOn(server, id)) || done == KILLS) {
                    server.follow(id, null, event -> false);
                    check(Outcome.of(server, home, id), expected);
                    break;
                }
                Moment moment = Moment.values()[random.nextInt(Moment.values().length)];
                awaitMoment(moment, home, id);
                int completed = server.job(id).path("status").asText().equals("running") ? 1 : 0;
                server.kill();
                kills.merge(moment, 1, Integer::sum);
                done++;
                System.out.println("KillIT: kill " + done + " " + moment + (completed == 1 ? "" : ", not running")
                        + "; left " + names(home.resolve("jobs").resolve(id).resolve("checkpoints")));
            }
        }
        System.out.println("KillIT: kills " + kills);
        assertThat(done).as("kills before the job ended; make it longer").isEqualTo(KILLS);
    }

    private static void check(Outcome outcome, Outcome expected) {
        assertThat(outcome.status).as(outcome.error).isEqualTo("succeeded");
        assertThat(outcome.metrics.keySet()).isEqualTo(expected.metrics.keySet());
        expected.metrics.forEach((name, values) -> assertThat(outcome.metrics.get(name)).as(name).isEqualTo(values));
        assertThat(outcome.checkpoints).isEqualTo(expected.checkpoints);
        assertThat(outcome.files.keySet()).isEqualTo(expected.files.keySet());
        expected.files.forEach((name, hash) -> assertThat(outcome.files.get(name)).as(name).isEqualTo(hash));
        assertThat(outcome.left).as("of runs that were killed").isEmpty();
    }

    /**
     * What came of a job.
     *
     * @param metrics the column of each but those that measure time
     * @param checkpoints step and metrics of each
     * @param files the hash of each file of each checkpoint
     * @param left directories that are no listed checkpoint's
     */
    private record Outcome(String status, String error, Map<String, List<String>> metrics, List<String> checkpoints,
            Map<String, String> files, List<String> left) {
        static Outcome of(ServerProcess server, Path home, String id) throws Exception {
            JsonNode job = server.job(id);
            List<String[]> rows = server.metrics(id).stream().map(row -> row.split(",", -1)).toList();
            Map<String, List<String>> metrics = new LinkedHashMap<>();
            IntStream.range(0, rows.getFirst().length)
                .filter(column -> !measuresTime(rows.getFirst()[column]))
                .forEach(column -> metrics.put(rows.getFirst()[column],
                        rows.stream().skip(1).map(row -> row[column]).toList()));
            List<String> checkpoints = new ArrayList<>();
            Map<String, String> files = new TreeMap<>();
            Path parent = home.resolve("jobs").resolve(id).resolve("checkpoints");
            List<String> left = new ArrayList<>(names(parent));
            for (JsonNode checkpoint : server.get("/v1/fine_tuning/jobs/" + id + "/checkpoints?limit=100")
                .path("data")) {
                int step = checkpoint.path("step_number").asInt();
                Map<String, String> values = new TreeMap<>();
                checkpoint.path("metrics")
                    .properties()
                    .stream()
                    .filter(metric -> !measuresTime(metric.getKey()))
                    .forEach(metric -> values.put(metric.getKey(), metric.getValue().asText()));
                checkpoints.add(step + " " + values);
                List<String> directories = left.stream().filter(name -> name.startsWith("step-" + step + "-")).toList();
                assertThat(directories).as("of step " + step + " in " + left).hasSize(1);
                left.removeAll(directories);
                JsonNode manifest = ServerProcess.JSON.readTree(
                        Files.readString(parent.resolve(directories.getFirst()).resolve("trainer/manifest.json")));
                manifest.path("files")
                    .properties()
                    .forEach(file -> files.put("step-" + step + "/" + file.getKey(),
                            file.getValue().path("sha256").asText()));
            }
            assertThat(files).isNotEmpty();
            return new Outcome(job.path("status").asText(), job.path("error").toString(), metrics, checkpoints, files,
                    left);
        }

        private static boolean measuresTime(String metric) {
            return metric.startsWith("seconds_") || metric.equals("tokens_per_second");
        }
    }
}

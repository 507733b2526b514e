package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;

/**
 * A job whose process is killed again and again, in the middle of whatever it does, ends with the metrics, checkpoints and weights
 * of one that nobody touched. {@code -Dd3s.kills=20} is the long way; {@code -Dd3s.kills.seed} decides the moments.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class KillTest {
    private static final int KILLS = Integer.getInteger("d3s.kills", 2);
    private static final long SEED = Long.getLong("d3s.kills.seed", System.nanoTime() % 1_000_000);
    private static final int STEPS = 12 + 12 * KILLS;
    private static final int INTERVAL = 4;

    @TempDir
    Path directory;

    private final Random random = new Random(SEED);

    /** When the process is killed. */
    private enum Moment {
        /** Some time after it began. */
        ANY,
        /** While a checkpoint is being written. */
        CHECKPOINT_FILES,
        /** When its directory has just got its name: before, in or after the transaction that lists it. */
        CHECKPOINT_ROW,
        /** When the database's log has just grown: in or after a transaction, such as a step's. */
        TRANSACTION,
        /** While it reads its checkpoint and opens its engines. */
        OPENING
    }

    /** Puts a model and a queued job into a new home. */
    private String queue(Path home) throws IOException {
        Files.createDirectories(home.resolve("files"));
        ExampleModels.arithmetic(Files.createDirectories(home.resolve("models")).resolve("base"), 7);
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(home.resolve("rows"), 7, 64, 64, 8);
        try (TestServer server = new TestServer(home)) {
            String training = server.upload(Files.readString(files.train())).id();
            String validation = server.upload(Files.readString(files.heldOut())).id();
            // a policy with random weights writes something that is more or less like the reference
            return server.jobs.create(TestServer.CALLER, TestServer.json("""
                    {"model": "base", "training_file": "%s", "validation_file": "%s", "seed": 7,
                     "method": {"type": "reinforcement", "reinforcement": {
                       "grader": {"type": "text_similarity", "name": "like", "input": "{{sample.output_text}}",
                                  "reference": "1234567890", "evaluation_metric": "fuzzy_match"},
                       "hyperparameters": {"batch_size": 2},
                       "d3s": {"steps": %d, "group_size": 4, "sampling": {"max_tokens": 16},
                               "objective": {"kl_beta": 0.01}, "optimizer": {"learning_rate": 1e-3},
                               "evaluation": {"interval": 3, "samples": 8, "n": 2},
                               "checkpoint": {"interval": %d, "keep_last": 3}}}}}
                    """.formatted(training, validation, STEPS, INTERVAL))).id();
        }
    }

    private Process start(Path home) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC", "-Xmx400m", "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow", KillableServer.class.getName(), home.toString());
        builder.environment()
            .put("CLASSPATH", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
        return builder.redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(home.resolve("log").toFile()))
            .start();
    }

    @Test
    void shouldEndLikeAnUninterruptedJobHoweverOftenItsProcessIsKilled() throws Exception {
        System.out.println("KillTest: " + KILLS + " kills, -Dd3s.kills.seed=" + SEED + ", " + STEPS + " steps");
        Path calm = directory.resolve("calm");
        String untouched = queue(calm);
        toTheEnd(calm);
        Outcome expected = Outcome.of(calm, untouched);
        assertThat(expected.metrics.get("skipped")).as("steps that trained something").contains(0.0);
        assertThat(expected.metrics.get("loss")).hasSizeGreaterThan(STEPS / 2);

        Path home = directory.resolve("killed");
        String id = queue(home);
        Map<Moment, Integer> kills = new TreeMap<>();
        for (int kill = 1; kill <= KILLS; kill++) {
            Process process = start(home);
            try {
                Moment moment = Moment.values()[random.nextInt(Moment.values().length)];
                awaitMoment(moment, home, id, process);
                assertThat(process.isAlive()).as(() -> "the job was done before it was killed: " + log(home)).isTrue();
                process.destroyForcibly().waitFor();
                kills.merge(moment, 1, Integer::sum);
                System.out.println("KillTest: kill " + kill + " " + moment + ", left " + names(checkpoints(home, id)));
            } finally {
                process.destroyForcibly();
            }
        }
        toTheEnd(home);
        Outcome outcome = Outcome.of(home, id);
        System.out.println("KillTest: " + kills + ", runs " + outcome.epoch + ", files compared "
                + outcome.files.size());

        assertThat(outcome.metrics.keySet()).isEqualTo(expected.metrics.keySet());
        expected.metrics.forEach((name, values) -> assertThat(outcome.metrics.get(name)).as(name).isEqualTo(values));
        assertThat(outcome.checkpoints).isEqualTo(expected.checkpoints);
        assertThat(outcome.files.keySet()).isEqualTo(expected.files.keySet());
        expected.files.forEach((name, hash) -> assertThat(outcome.files.get(name)).as(name).isEqualTo(hash));
        assertThat(outcome.left).as("of runs that were killed").isEmpty();
    }

    private void toTheEnd(Path home) throws Exception {
        Process process = start(home);
        try {
            assertThat(process.waitFor(10, TimeUnit.MINUTES)).as(() -> log(home)).isTrue();
            assertThat(process.exitValue()).as(() -> log(home)).isZero();
        } finally {
            process.destroyForcibly();
        }
    }

    private static String log(Path home) {
        try {
            return Files.readString(home.resolve("log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private static Path checkpoints(Path home, String id) {
        return home.resolve("jobs").resolve(id).resolve("checkpoints");
    }

    private static void await(Process process, BooleanSupplier condition) {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!condition.getAsBoolean() && process.isAlive() && System.nanoTime() < limit) {
            LockSupport.parkNanos(200_000);
        }
    }

    private static List<String> names(Path directory) {
        try (Stream<Path> paths = Files.list(directory)) {
            return paths.map(path -> path.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            return List.of(); // not there yet
        }
    }

    private static String state(Path file) {
        try {
            return Files.size(file) + " " + Files.getLastModifiedTime(file);
        } catch (IOException e) {
            return "none";
        }
    }

    private void awaitMoment(Moment moment, Path home, String id, Process process) {
        Path log = home.resolve("log");
        String before = state(log);
        await(process, () -> !state(log).equals(before)); // the job is queued
        // so that the same kind of moment is not always in the first step of a run
        int skipped = random.nextInt(2);
        switch (moment) {
            case OPENING -> LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(700)));
            case ANY -> {
                awaitFile(home, id, process, ".", 0);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(400)));
            }
            case CHECKPOINT_FILES -> awaitFile(home, id, process, ".step-", skipped);
            case CHECKPOINT_ROW -> awaitFile(home, id, process, "step-", skipped);
            case TRANSACTION -> {
                awaitFile(home, id, process, "step-", 0);
                for (int seen = 0; seen <= skipped; seen++) {
                    String wal = state(home.resolve("d3s.db-wal"));
                    await(process, () -> !state(home.resolve("d3s.db-wal")).equals(wal));
                }
            }
        }
    }

    private void awaitFile(Path home, String id, Process process, String prefix, int skipped) {
        for (int seen = 0; seen <= skipped; seen++) {
            List<String> before = names(checkpoints(home, id));
            await(process, () -> names(checkpoints(home, id)).stream()
                .anyMatch(name -> !before.contains(name) && name.startsWith(prefix)));
        }
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(random.nextInt(8000)));
    }

    /**
     * What came of a job that succeeded.
     *
     * @param metrics the column of each but those that measure time
     * @param checkpoints step and metrics of each
     * @param files the hash of each file of each checkpoint
     * @param left directories that are no listed checkpoint's
     */
    private record Outcome(long epoch, Map<String, List<@Nullable Double>> metrics, List<String> checkpoints,
            Map<String, String> files, List<String> left) {
        static Outcome of(Path home, String id) throws IOException {
            try (TestServer server = new TestServer(home)) {
                Job job = server.stores.jobs.job(id).orElseThrow();
                assertThat(job.status()).as(() -> job.error() + log(home)).isEqualTo(JobStatus.SUCCEEDED);
                MetricSeries series = server.stores.metrics.series(id, Set.of(), -1);
                Map<String, List<@Nullable Double>> metrics = new LinkedHashMap<>(series.values());
                metrics.keySet().removeIf(Outcome::measuresTime);
                metrics.put("step", series.steps().stream().map(Double::valueOf).toList());
                List<String> checkpoints = new ArrayList<>();
                Map<String, String> files = new TreeMap<>();
                List<String> left = new ArrayList<>(names(KillTest.checkpoints(home, id)));
                for (Checkpoint checkpoint : server.stores.checkpoints.latestFirst(id)) {
                    Map<String, Double> values = new TreeMap<>(checkpoint.metrics());
                    values.keySet().removeIf(Outcome::measuresTime);
                    checkpoints.add(checkpoint.step() + " " + values);
                    left.remove(checkpoint.directory());
                    Path directory = KillTest.checkpoints(home, id).resolve(checkpoint.directory());
                    assertThat(CheckpointManifest.problem(directory)).as(checkpoint.directory()).isNull();
                    JsonNode manifest = TestServer.JSON
                        .readTree(Files.readString(directory.resolve(CheckpointManifest.FILE)));
                    manifest.path("files")
                        .properties()
                        .forEach(file -> files.put(checkpoint.step() + "/" + file.getKey(),
                                file.getValue().path("sha256").asText()));
                }
                assertThat(checkpoints).as("the last three, and the best")
                    .hasSizeBetween(3, 4)
                    .first()
                    .asString()
                    .startsWith(STEPS + " ");
                return new Outcome(job.epoch(), metrics, checkpoints, files, left);
            }
        }

        private static boolean measuresTime(String metric) {
            return metric.startsWith("seconds_") || metric.equals("tokens_per_second");
        }
    }
}

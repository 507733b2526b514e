package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.job.RunRecord.StaleRunException;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.training.CheckpointSettings;
import dev.d3s.server.training.CheckpointSettings.Best;

/** Checkpoint files, written and read by runs that the test plays. */
class CheckpointsTest {
    private final TestServer server;
    private final Checkpoints checkpoints;

    CheckpointsTest(@TempDir Path home) {
        TestServer.baseModel(home, "base");
        // never started: nobody runs the jobs but the test
        server = new TestServer(home);
        checkpoints = new Checkpoints(server.stores, server.models, server.made);
    }

    @AfterEach
    void close() {
        server.close();
    }

    private Job claimed(int firstStep) {
        return claimed(server.jobs.create(TestServer.CALLER, server.request(10)), firstStep);
    }

    private Job claimed(Job queued, int firstStep) {
        Job job = server.stores.jobs.claim("one", "permit", TestServer.ROOM).orElseThrow();
        assertThat(job.id()).isEqualTo(queued.id());
        server.stores.run(job).begin(firstStep);
        return server.jobs.job(TestServer.CALLER, job.id());
    }

    private Job queuedAgain(Job job) {
        server.stores.jobs.move(job.id(), Set.of(JobStatus.RUNNING), JobStatus.QUEUED, JobEvent.Level.INFO, "again");
        return server.jobs.job(TestServer.CALLER, job.id());
    }

    private void write(Job job, int step) {
        write(job, step, Map.of("loss", 1.0 * step));
    }

    private void write(Job job, int step, Map<String, Double> metrics) {
        try {
            checkpoints.write(server.stores.run(job), job, step, "m:ckpt-step-" + step, metrics, false, directory -> {
                Files.writeString(directory.resolve("config.json"), "{\"max_position_embeddings\": 1024}");
                Files.writeString(directory.resolve("tokenizer.json"), "{}");
                Files.writeString(directory.resolve("model.safetensors"), "weights after step " + step);
                Files.createDirectories(directory.resolve("trainer"));
                Files.write(directory.resolve("trainer/optimizer.safetensors"), new byte[3_000_000]);
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path directory(Job job) {
        return server.made.checkpointsDirectory(job.id());
    }

    private List<String> files(Job job) throws IOException {
        try (Stream<Path> paths = Files.list(directory(job))) {
            return paths.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private List<Integer> steps(Job job) {
        return server.stores.checkpoints.latestFirst(job.id()).stream().map(Checkpoint::step).toList();
    }

    @Test
    void shouldNameARunsFilesByItsNumberAndListThemWithTheirManifest() throws Exception {
        Job job = claimed(0);
        write(job, 2);

        Checkpoint found = checkpoints.resumable(job);
        assertThat(found).isNotNull();
        assertThat(found.directory()).isEqualTo("step-2-run-1");
        assertThat(server.models.model(TestServer.CALLER, "m:ckpt-step-2").directory())
            .isEqualTo(directory(job).resolve("step-2-run-1"));
        assertThat(directory(job).resolve("step-2-run-1/trainer/manifest.json")).content()
            .contains("\"config.json\"", "\"trainer/optimizer.safetensors\"", "3000000")
            // sha256sum of "{}"
            .contains("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }

    /** What may happen to files. */
    enum Damage {
        BIT {
            @Override
            void occur(Path checkpoint) throws IOException {
                Path file = checkpoint.resolve("trainer/optimizer.safetensors");
                byte[] content = Files.readAllBytes(file);
                content[2_345_678] ^= 4;
                Files.write(file, content);
            }
        },
        SHORTER {
            @Override
            void occur(Path checkpoint) throws IOException {
                try (FileChannel channel = FileChannel.open(checkpoint.resolve("trainer/optimizer.safetensors"),
                        StandardOpenOption.WRITE)) {
                    channel.truncate(1_000);
                }
            }
        },
        MISSING_FILE {
            @Override
            void occur(Path checkpoint) throws IOException {
                Files.delete(checkpoint.resolve("model.safetensors"));
            }
        },
        NO_MANIFEST {
            @Override
            void occur(Path checkpoint) throws IOException {
                Files.delete(checkpoint.resolve("trainer/manifest.json"));
            }
        },
        BROKEN_MANIFEST {
            @Override
            void occur(Path checkpoint) throws IOException {
                Files.writeString(checkpoint.resolve("trainer/manifest.json"), "{\"files\": {\"config.json\"");
            }
        },
        GONE {
            @Override
            void occur(Path checkpoint) throws IOException {
                DurableFiles.deleteTree(checkpoint);
            }
        };

        abstract void occur(Path checkpoint) throws IOException;
    }

    @ParameterizedTest
    @EnumSource
    void shouldGoOnFromTheCheckpointBeforeADamagedOneAndSaySo(Damage damage) throws Exception {
        Job job = claimed(0);
        write(job, 2);
        write(job, 4);
        Job queued = queuedAgain(job);
        damage.occur(directory(job).resolve("step-4-run-1"));

        Checkpoint found = checkpoints.resumable(queued);

        assertThat(found).isNotNull().extracting(Checkpoint::step).isEqualTo(2);
        assertThat(files(job)).containsExactly("step-2-run-1");
        assertThat(server.models.any(TestServer.CALLER, "m:ckpt-step-4")).as("no model that cannot be read is offered")
            .isEmpty();
        JobEvent warning = server.stores.events.newestBefore(job.id(), Long.MAX_VALUE, 1).getFirst();
        assertThat(warning.level()).isEqualTo(JobEvent.Level.WARN);
        assertThat(warning.message()).startsWith("The checkpoint after step 4 is damaged and was removed: ")
            .contains(directory(job).resolve("step-4-run-1").toString())
            .contains(switch (damage) {
                case BIT -> "trainer/optimizer.safetensors does not have the SHA-256 that it was written with";
                case SHORTER -> "trainer/optimizer.safetensors has 1000 bytes instead of 3000000";
                case MISSING_FILE -> "model.safetensors is missing";
                case NO_MANIFEST -> "trainer/manifest.json is missing";
                case BROKEN_MANIFEST -> "trainer/manifest.json is not JSON";
                case GONE -> "its directory is missing";
            });
        assertThat(checkpoints.resumable(queued)).as("found again without another warning").isEqualTo(found);
        assertThat(server.stores.events.newestBefore(job.id(), Long.MAX_VALUE, 1).getFirst()).isEqualTo(warning);
    }

    @Test
    void shouldBeginAnewWhenNoCheckpointIsWhole() throws Exception {
        Job job = claimed(0);
        write(job, 2);
        Damage.SHORTER.occur(directory(job).resolve("step-2-run-1"));
        assertThat(checkpoints.resumable(queuedAgain(job))).isNull();
        assertThat(steps(job)).isEmpty();
    }

    @Test
    void shouldTakeWhatAnEarlierVersionWrote() throws Exception {
        Job job = claimed(0);
        Files.createDirectories(directory(job).resolve("step-3"));
        server.stores.run(job)
            .checkpoint(new Checkpoint("ftckpt-1", job.id(), 3, 1, "m:ckpt-step-3", Map.of(), "step-3", false));
        Job queued = queuedAgain(job);
        checkpoints.clean(queued);
        assertThat(checkpoints.resumable(queued)).isNotNull().extracting(Checkpoint::step).isEqualTo(3);
    }

    @Test
    void shouldNeverTouchTheFilesOfTheRunThatTookTheJob() throws Exception {
        Job stale = claimed(0);
        write(stale, 2);
        Job present = claimed(queuedAgain(stale), 2);
        write(present, 4);

        assertThatThrownBy(() -> write(stale, 4)).isInstanceOf(StaleRunException.class);

        assertThat(files(present)).as("what the stale run wrote is gone")
            .containsExactly("step-2-run-1",
                    "step-4-run-2");
        assertThat(checkpoints.resumable(queuedAgain(present))).isNotNull()
            .extracting(Checkpoint::directory)
            .isEqualTo("step-4-run-2");
    }

    @Test
    void shouldReplaceAStepThatAnEarlierRunHadWritten() throws Exception {
        Job first = claimed(0);
        write(first, 2);
        Job second = claimed(queuedAgain(first), 0);
        write(second, 2);
        assertThat(files(second)).containsExactly("step-2-run-2");
        assertThat(steps(second)).containsExactly(2);
    }

    @Test
    void shouldDeleteWhatADeadRunLeftAndNothingElse() throws Exception {
        Job first = claimed(0);
        write(first, 2);
        Job second = claimed(queuedAgain(first), 2);
        for (String left : List.of(".step-4-run-1.tmp", "step-4-run-1", ".step-6.tmp", "step-7", ".step-4-run-2.tmp",
                "step-4-run-3", "notes")) {
            Files.createDirectories(directory(first).resolve(left).resolve("trainer"));
        }
        checkpoints.clean(second);
        assertThat(files(second)).as("a run's own files, a successor's and foreign ones stay")
            .containsExactly(".step-4-run-2.tmp", "notes", "step-2-run-1", "step-4-run-3");
    }

    private static Checkpoint checkpoint(int step, boolean interim, Map<String, Double> metrics) {
        return new Checkpoint("ftckpt-" + step, "job", step, 0, "m:" + step, metrics, "step-" + step + "-run-1",
                interim);
    }

    private static List<Integer> superfluous(CheckpointSettings settings, Checkpoint... latestFirst) {
        return Checkpoints.superfluous(List.of(latestFirst), settings).stream().map(Checkpoint::step).toList();
    }

    @Test
    void shouldKeepTheLastOnesAndTheBest() {
        Checkpoint[] all = {checkpoint(6, false, Map.of("accuracy", 0.5, "loss", 2.0)),
                checkpoint(5, false, Map.of("accuracy", 0.7)), checkpoint(4, true, Map.of("accuracy", 0.9)),
                checkpoint(3, false, Map.of("accuracy", 0.8, "loss", 1.0)),
                checkpoint(2, false, Map.of("accuracy", 0.8, "loss", Double.NaN)), checkpoint(1, false, Map.of())};
        assertThat(superfluous(CheckpointSettings.every(1), all)).as("interim ones only").containsExactly(4);
        assertThat(superfluous(new CheckpointSettings(1, 0, 2, "accuracy", Best.MAX), all))
            .as("an interim one is not the best of those that stay")
            .containsExactly(4, 3, 1);
        assertThat(superfluous(new CheckpointSettings(1, 0, 1, "loss", Best.MIN), all)).containsExactly(5, 4, 2, 1);
        assertThat(superfluous(new CheckpointSettings(1, 0, 4, "accuracy", Best.MIN), all)).containsExactly(4, 1);
        assertThat(superfluous(new CheckpointSettings(1, 0, 1, "nothing", Best.MAX), all))
            .containsExactly(5, 4, 3, 2, 1);
        assertThat(superfluous(new CheckpointSettings(1, 0, 1, "accuracy", Best.MAX), checkpoint(3, true, Map.of()),
                checkpoint(2, false, Map.of()), checkpoint(1, false, Map.of())))
            .as("the newest stays whatever it is")
            .containsExactly(1);
    }

    @Test
    void shouldDeleteTheFilesOfWhatDoesNotStay() throws Exception {
        ObjectNode request = server.request(10);
        ((ObjectNode) request.at("/method/reinforcement/d3s/checkpoint")).put("keep_last", 2);
        Job job = claimed(server.jobs.create(TestServer.CALLER, request), 0);
        write(job, 2, Map.of("accuracy", 0.25));
        write(job, 4, Map.of("accuracy", 0.75));
        write(job, 6, Map.of("accuracy", 0.5));
        write(job, 8, Map.of());
        assertThat(steps(job)).containsExactly(8, 6, 4);
        assertThat(files(job)).containsExactly("step-4-run-1", "step-6-run-1", "step-8-run-1");
    }

    @Test
    void shouldKeepWhatAnotherJobBeginsWith() throws Exception {
        ObjectNode request = server.request(10);
        ((ObjectNode) request.at("/method/reinforcement/d3s/checkpoint")).put("keep_last", 1);
        Job job = claimed(server.jobs.create(TestServer.CALLER, request), 0);
        write(job, 2, Map.of());
        Job other = server.jobs.create(TestServer.CALLER, server.request(3).put("model", "m:ckpt-step-2"));
        write(job, 4, Map.of());
        assertThat(steps(job)).containsExactly(4, 2);
        server.jobs.cancel(TestServer.CALLER, other.id());
        write(job, 6, Map.of());
        assertThat(steps(job)).containsExactly(6);
    }
}

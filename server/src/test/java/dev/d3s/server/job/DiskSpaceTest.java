package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.TrainingObserver;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingTotals;

/** Jobs on a disk that is really full: a small file system in memory. */
class DiskSpaceTest {
    private static final int STEPS = 8;

    @TempDir
    Path home;

    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        mounted = mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", home.toString());
        assumeThat(mounted).as("a small file system can only be mounted by root").isTrue();
        TestServer.baseModel(home, "base");
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) {
            new ProcessBuilder("umount", "--lazy", home.toString()).start().waitFor();
        }
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

    /** Each checkpoint takes 2 MB; the number of a step is what a run knows. */
    private static TrainingTotals run(TrainingRequest request, TrainingObserver observer) throws IOException {
        Path from = request.resumeFrom();
        int first = from == null ? 0 : Integer.parseInt(Files.readString(from.resolve("state.txt")));
        for (int step = first; step < STEPS; step++) {
            observer.report(new StepReport(step, STEPS, Map.of("loss", 1.0 / (step + 1))));
            int completed = step + 1;
            observer.checkpoint(completed, Map.of(), directory -> {
                Files.writeString(directory.resolve("config.json"), "{}");
                Files.write(directory.resolve("model.safetensors"), new byte[2_000_000]);
                Files.writeString(directory.resolve("state.txt"), Integer.toString(completed));
            });
        }
        return new TrainingTotals(1, 1);
    }

    @Test
    void shouldPauseAndGoOnByItselfWhenThereIsSpace() throws Exception {
        try (TestServer server = new TestServer(home, DiskSpaceTest::run)) {
            server.jobs.start();
            Job job = server.jobs.create(TestServer.CALLER, server.request(STEPS));
            Job paused = server.await(job.id(), JobStatus.PAUSED);
            Path checkpoints = server.made.checkpointsDirectory(job.id());
            assertThat(paused.error()).isNotNull();
            assertThat(paused.error().code()).isEqualTo("disk_full");
            assertThat(paused.error().message()).contains(checkpoints.toString());
            assertThat(checkpoints).isDirectoryNotContaining("glob:**.tmp");
            List<Checkpoint> written = server.stores.checkpoints.latestFirst(job.id());
            assertThat(written).isNotEmpty().hasSizeLessThan(STEPS);

            assertThat(mount("-o", "remount,size=64m", home.toString())).isTrue();
            Job done = server.await(job.id(), JobStatus.SUCCEEDED);

            assertThat(done.error()).isNull();
            assertThat(done.epoch()).isEqualTo(2);
            MetricSeries metrics = server.stores.metrics.series(job.id(), Set.of(), -1);
            assertThat(metrics.steps()).isEqualTo(IntStream.range(0, STEPS).boxed().toList());
            assertThat(server.stores.checkpoints.latestFirst(job.id())).extracting(Checkpoint::step)
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, STEPS).map(step -> STEPS + 1 - step).boxed().toList());
            assertThat(server.stores.events.newestBefore(job.id(), Long.MAX_VALUE, 100)).extracting(JobEvent::message)
                .anyMatch(message -> message.contains("free in " + home + ": the job goes on."));
        }
    }
}

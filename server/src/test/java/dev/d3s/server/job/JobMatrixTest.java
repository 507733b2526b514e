package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.job.JobStatus.Action;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Every action in every state of a job, and what becomes of large data sets. */
class JobMatrixTest {
    private final Path home;
    private final List<TestServer> servers = new ArrayList<>();

    JobMatrixTest(@TempDir Path home) {
        this.home = home;
        TestServer.baseModel(home, "base");
    }

    private TestServer started() {
        TestServer server = new TestServer(home);
        servers.add(server);
        server.jobs.start();
        return server;
    }

    @AfterEach
    void close() {
        servers.forEach(server -> {
            server.catalogs.letGo();
            server.close();
        });
    }

    /** More rows than are checked before the answer. */
    private static ObjectNode large(TestServer server, String lastRow) {
        String rows = IntStream.range(0, 100)
            .mapToObj(row -> "{\"prompt\": \"" + row + "+1=\", \"answer\": \"2\"}\n")
            .reduce("", String::concat);
        ObjectNode request = server.request(3).put("training_file", server.upload(rows + lastRow).id());
        request.withObject("/method/reinforcement/d3s").remove("steps");
        return request;
    }

    /** Brings a job into a state in the way that jobs get there. */
    private static Job reached(TestServer server, JobStatus status) throws Exception {
        return switch (status) {
            case VALIDATING_FILES -> {
                server.catalogs.hold();
                Job job = server.jobs.create(TestServer.CALLER, large(server, ""));
                server.catalogs.awaitHeld();
                yield server.jobs.job(TestServer.CALLER, job.id());
            }
            case QUEUED -> {
                server.training.hold();
                server.jobs.create(TestServer.CALLER, server.request(2));
                server.training.awaitHeld();
                yield server.jobs.create(TestServer.CALLER, server.request(2));
            }
            case RUNNING -> {
                server.training.hold();
                Job job = server.jobs.create(TestServer.CALLER, server.request(2));
                server.training.awaitHeld();
                yield server.jobs.job(TestServer.CALLER, job.id());
            }
            case PAUSED -> server.jobs.pause(TestServer.CALLER, reached(server, JobStatus.QUEUED).id());
            case CANCELLED -> server.jobs.cancel(TestServer.CALLER, reached(server, JobStatus.QUEUED).id());
            case SUCCEEDED ->
                server.await(server.jobs.create(TestServer.CALLER, server.request(1)).id(), JobStatus.SUCCEEDED);
            case FAILED -> {
                server.training.failAt(0, () -> {
                    throw new D3sException(ErrorCategory.EXTERNAL, "gone", "The service is gone.");
                });
                yield server.await(server.jobs.create(TestServer.CALLER, server.request(1)).id(), JobStatus.FAILED);
            }
        };
    }

    static Stream<Arguments> everyActionInEveryState() {
        return Arrays.stream(JobStatus.values())
            .flatMap(status -> Arrays.stream(Action.values()).map(action -> Arguments.of(status, action)));
    }

    private static Job act(TestServer server, String id, Action action) {
        return switch (action) {
            case PAUSE -> server.jobs.pause(TestServer.CALLER, id);
            case RESUME -> server.jobs.resume(TestServer.CALLER, id);
            case CANCEL -> server.jobs.cancel(TestServer.CALLER, id);
        };
    }

    /** What each action makes of each state; an empty place is a refusal. Written down here once more, on purpose. */
    private static List<JobStatus> expected(JobStatus status, Action action) {
        String table = """
                validating_files PAUSE  paused
                validating_files CANCEL cancelled
                queued           PAUSE  paused
                queued           CANCEL cancelled
                running          PAUSE  running,paused
                running          CANCEL running,cancelled
                paused           RESUME queued
                paused           CANCEL cancelled
                failed           RESUME queued,running,failed
                """;
        return table.lines()
            .map(line -> line.split(" +"))
            .filter(cells -> cells[0].equals(status.key()) && cells[1].equals(action.name()))
            .flatMap(cells -> Arrays.stream(cells[2].split(",")))
            .map(JobStatus::of)
            .toList();
    }

    @ParameterizedTest(name = "{1} when {0}")
    @MethodSource("everyActionInEveryState")
    void shouldDoOrRefuseEveryActionInEveryState(JobStatus status, Action action) throws Exception {
        TestServer server = started();
        Job job = reached(server, status);
        assertThat(job.status()).isEqualTo(status);
        List<JobStatus> expected = expected(status, action);

        if (expected.isEmpty()) {
            assertThatThrownBy(() -> act(server, job.id(), action)).isInstanceOf(ConflictException.class)
                .hasMessageStartingWith("The job '" + job.id() + "' is " + status.key() + ", so it cannot be "
                        + action.done() + "; it ")
                .satisfies(refusal -> status.actions()
                    .forEach(possible -> assertThat(refusal).hasMessageContaining(possible.done())));
            assertThat(server.jobs.job(TestServer.CALLER, job.id()).status()).isEqualTo(status);
        } else {
            assertThat(act(server, job.id(), action).status()).isIn(expected);
            server.await(job.id(), expected.getLast());
        }
        assertThat(status.actions().contains(action)).isEqualTo(!expected.isEmpty());
    }

    @Test
    void shouldMoveJobsAlongTheTableOnly() {
        for (JobStatus from : JobStatus.values()) {
            for (JobStatus to : JobStatus.values()) {
                TestServer server = servers.isEmpty() ? started() : servers.getFirst();
                if (!from.next().contains(to)) {
                    assertThatThrownBy(() -> server.stores.jobs.move("ftjob-none", java.util.Set.of(from), to,
                            JobEvent.Level.INFO, "no"))
                        .isInstanceOf(IllegalArgumentException.class);
                }
            }
            assertThat(from.next()).as("a job is not its own successor").doesNotContain(from);
            assertThat(from.next().contains(JobStatus.CANCELLED)).isEqualTo(from.actions().contains(Action.CANCEL));
            assertThat(from.next().contains(JobStatus.PAUSED)).isEqualTo(from.actions().contains(Action.PAUSE));
            assertThat(from.next().isEmpty()).isEqualTo(from.actions().isEmpty());
        }
    }

    @Test
    void shouldQueueAJobWhenItsLargeFileWasChecked() throws Exception {
        TestServer server = started();
        server.catalogs.hold();
        Job job = server.jobs.create(TestServer.CALLER, large(server, ""));
        assertThat(job.status()).isEqualTo(JobStatus.VALIDATING_FILES);
        assertThat(job.spec().counted()).as("rows are not counted yet").isFalse();
        server.catalogs.letGo();

        Job done = server.await(job.id(), JobStatus.SUCCEEDED);

        assertThat(done.totalSteps()).as("100 rows in batches of 16").isEqualTo(7);
        assertThat(done.spec().counted()).isTrue();
        assertThat(done.spec().seed()).isEqualTo(7);
        assertThat(server.jobs.events(TestServer.CALLER, job.id(), null, 100).elements().reversed())
            .extracting(JobEvent::message)
            .startsWith("The job's files are large: they are checked before it is queued.",
                    "The files are checked. The job is queued: 7 steps from model base.", "The job has started.");
    }

    @Test
    void shouldFailAJobWithAllMistakesOfItsLargeFile() throws Exception {
        TestServer server = started();
        Job job = server.jobs.create(TestServer.CALLER, large(server, "{\"answer\": \"x\"}\nno json\n"));

        Job failed = server.await(job.id(), JobStatus.FAILED);

        assertThat(failed.error()).isEqualTo(new Job.JobError("invalid_training_file",
                "2 mistakes: (1) training_file: Line 101 has no 'prompt'; each row needs one. "
                        + "(2) training_file: Line 102 is not a JSON object: put one object on each line.",
                "training_file"));
        assertThat(failed.finishedAt()).isNotNull();

        assertThat(server.jobs.resume(TestServer.CALLER, job.id()).status()).as("to be checked again")
            .isEqualTo(JobStatus.VALIDATING_FILES);
        assertThat(server.await(job.id(), JobStatus.FAILED).error()).isEqualTo(failed.error());
    }

    @Test
    void shouldNameTheValidationFile() throws Exception {
        TestServer server = started();
        ObjectNode request = server.request(2);
        request.put("validation_file", large(server, "{}").get("training_file").textValue());

        Job failed = server.await(server.jobs.create(TestServer.CALLER, request).id(), JobStatus.FAILED);

        assertThat(failed.error()).isNotNull().extracting(Job.JobError::code).isEqualTo("invalid_validation_file");
    }

    /** Other mistakes are not put off, and neither is a refusal because of memory once the rows are known. */
    @Test
    void shouldRefuseOtherMistakesAtOnce() throws Exception {
        TestServer server = started();
        ObjectNode request = large(server, "");
        request.withObject("/method/reinforcement/d3s").put("group_size", 1);
        assertThatThrownBy(() -> server.jobs.create(TestServer.CALLER, request))
            .isInstanceOf(InvalidRequestException.class)
            .hasMessageContaining("group_size");

        ObjectNode greedy = large(server, "");
        greedy.withObject("/method/reinforcement/d3s/resources").put("rollout_slots", 4096);
        greedy.withObject("/method/reinforcement/d3s/sampling").put("max_tokens", 900);
        Job failed = server.await(server.jobs.create(TestServer.CALLER, greedy).id(), JobStatus.FAILED);
        assertThat(failed.error()).isNotNull().extracting(Job.JobError::code).isEqualTo("insufficient_memory");
    }

    @Test
    void shouldStopCheckingAJobThatIsPausedAndBeginAnewWhenItIsResumed() throws Exception {
        TestServer server = started();
        Job job = reached(server, JobStatus.VALIDATING_FILES);

        server.jobs.pause(TestServer.CALLER, job.id());
        assertThat(server.catalogs.interrupted.await(10, TimeUnit.SECONDS)).isTrue();
        server.catalogs.letGo();
        assertThat(server.jobs.job(TestServer.CALLER, job.id()).status()).isEqualTo(JobStatus.PAUSED);

        assertThat(server.jobs.resume(TestServer.CALLER, job.id()).status()).isIn(JobStatus.VALIDATING_FILES,
                JobStatus.QUEUED);
        assertThat(server.await(job.id(), JobStatus.SUCCEEDED).totalSteps()).isEqualTo(7);
    }

    /** One job that is cancelled does not keep the next from being checked. */
    @Test
    void shouldGoOnWithTheNextJob() throws Exception {
        TestServer server = started();
        Job first = reached(server, JobStatus.VALIDATING_FILES);
        Job second = server.jobs.create(TestServer.CALLER, large(server, ""));
        CountDownLatch interrupted = server.catalogs.interrupted;

        server.jobs.cancel(TestServer.CALLER, first.id());
        assertThat(interrupted.await(10, TimeUnit.SECONDS)).isTrue();
        server.catalogs.letGo();

        server.await(second.id(), JobStatus.SUCCEEDED);
        assertThat(server.jobs.job(TestServer.CALLER, first.id()).status()).isEqualTo(JobStatus.CANCELLED);
    }

    @Test
    void shouldCheckTheFilesAgainAfterARestart() throws Exception {
        TestServer first = started();
        Job job = reached(first, JobStatus.VALIDATING_FILES);
        servers.remove(first);
        first.close();
        assertThatThrownBy(() -> first.files.delete(TestServer.CALLER, job.spec().trainingFile()))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("which is validating_files");

        TestServer next = started();
        assertThat(next.await(job.id(), JobStatus.SUCCEEDED).totalSteps()).isEqualTo(7);
    }
}

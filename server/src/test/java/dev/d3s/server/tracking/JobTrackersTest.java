package dev.d3s.server.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.job.MetricSeries;
import dev.d3s.server.job.PlayedRun;
import dev.d3s.server.job.TestServer;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.store.Database;
import dev.d3s.server.training.StepReport;
import dev.d3s.spi.OutgoingRequests;

@Timeout(90)
class JobTrackersTest {
    private final StubMlflow mlflow = new StubMlflow();
    private final Path home;
    private final List<AutoCloseable> open = new ArrayList<>(List.of(mlflow));

    JobTrackersTest(@TempDir Path home) {
        this.home = home;
        TestServer.baseModel(home, "base");
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    private TestServer server() {
        TestServer server = new TestServer(home);
        open.add(server);
        return server;
    }

    private JobTrackers trackers(TestServer server, boolean allowed) {
        JobTrackers trackers = new JobTrackers(new TrackerStore(server.database), server.log, server.settings,
                new OutgoingRequests((host, port) -> allowed), Duration.ofMillis(10));
        open.add(trackers);
        trackers.start();
        return trackers;
    }

    private static ObjectNode with(ObjectNode request, String integrations) {
        request.set("integrations", TestServer.json("{\"a\": " + integrations + "}").get("a"));
        return request;
    }

    /** The address is one that the reader of requests lets through; the stub is what it stands for. */
    private String mlflowIntegration() {
        return """
                [{"type": "mlflow", "mlflow": {"tracking_uri": "http://tracker.example.org:5000", "experiment": "sums",
                  "run_name": "first", "tags": {"team": "reasoning"}}}]""";
    }

    /** Stores a job whose tracker is the stub. */
    private Job mlflowJob(TestServer server, int steps) {
        Job job = server.jobs.create(TestServer.CALLER, with(server.request(steps), mlflowIntegration()));
        server.database.change(connection -> Database.execute(connection,
                "update job set request = replace(request, 'http://tracker.example.org:5000', ?) where id = ?",
                mlflow.address().toString(), job.id()));
        return server.jobs.job(TestServer.CALLER, job.id());
    }

    private static void await(BooleanSupplier condition) {
        long limit = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(limit);
            Thread.onSpinWait();
        }
    }

    private List<Integer> loggedSteps(String metric) {
        synchronized (mlflow) {
            return mlflow.only().metrics.stream()
                .filter(logged -> logged.key().equals(metric))
                .map(StubMlflow.Logged::step)
                .toList();
        }
    }

    private void awaitStatus(String status) {
        await(() -> {
            synchronized (mlflow) {
                return mlflow.runs.size() == 1 && mlflow.only().status.equals(status);
            }
        });
    }

    private Path eventFile(Job job) throws Exception {
        try (Stream<Path> files = Files.list(home.resolve("jobs").resolve(job.id()).resolve("tensorboard"))) {
            return files.findFirst().orElseThrow();
        }
    }

    private void awaitClosed(TestServer server, Job job) {
        await(() -> server.database.list("select closed from job_tracker where job_id = ?", row -> row.getInt(1),
                job.id())
            .stream()
            .allMatch(closed -> closed == 1));
    }

    @Test
    void shouldWriteEventsThatAReaderOfTheirDefinitionReads() throws Exception {
        TestServer server = server();
        trackers(server, false);
        server.jobs.start();
        Job job = server.await(
                server.jobs.create(TestServer.CALLER, with(server.request(5), "[{\"type\": \"tensorboard\"}]")).id(),
                JobStatus.SUCCEEDED);
        awaitClosed(server, job);

        assertThat(eventFile(job).getFileName().toString()).startsWith("events.out.tfevents.");
        List<EventFileReader.Event> events = EventFileReader.read(eventFile(job));
        assertThat(events.getFirst().version()).isEqualTo("brain.Event:2");
        MetricSeries series = server.jobs.metrics(TestServer.CALLER, job.id(), Set.of(), -1);
        assertThat(events.stream().skip(1)).extracting(EventFileReader.Event::step)
            .containsExactlyElementsOf(series.steps().stream().map(Integer::longValue).toList());
        for (int index = 1; index < events.size(); index++) {
            EventFileReader.Event event = events.get(index);
            Map<String, Double> stored = server.metrics(job, (int) event.step());
            assertThat(event.scalars()).hasSameSizeAs(stored)
                .allSatisfy((name, value) -> assertThat(value).isEqualTo(stored.getOrDefault(name, 0.0).floatValue()));
            assertThat(event.wallTime()).isBetween(job.createdAt() / 1000.0, System.currentTimeMillis() / 1000.0);
        }
    }

    /** What was written before a crash and not noted down is cut off; what somebody cut off is written again. */
    @Test
    void shouldHaveEachStepInAnEventFileOnceWhateverHappened() throws Exception {
        TestServer server = server();
        Job queued = server.jobs.create(TestServer.CALLER, with(server.request(6), "[{\"type\": \"tensorboard\"}]"));
        PlayedRun run = claimed(server, queued);
        Job job = run.job();
        JobTrackers trackers = trackers(server, false);
        run.step(new StepReport(0, 6, Map.of("loss", 0.5)), "Step 1");
        run.step(new StepReport(1, 6, Map.of("loss", 0.25)), "Step 2");
        await(() -> sentStep(server, job) == 1);
        trackers.close();
        Path file = eventFile(job);
        byte[] before = Files.readAllBytes(file);

        // a crash after the file was written: the same step again, which the database does not know of
        Files.write(file, Arrays.copyOfRange(before, before.length / 2, before.length),
                StandardOpenOption.APPEND);
        run.step(new StepReport(2, 6, Map.of("loss", 0.125)), "Step 3");
        JobTrackers second = trackers(server, false);
        await(() -> sentStep(server, job) == 2);
        second.close();
        assertThat(EventFileReader.read(file)).extracting(EventFileReader.Event::step).containsExactly(0L, 0L, 1L, 2L);

        // somebody's tidying up
        Files.write(file, new byte[0]);
        run.step(new StepReport(3, 6, Map.of("loss", 0.0625)), "Step 4");
        trackers(server, false);
        await(() -> sentStep(server, job) == 3);
        List<EventFileReader.Event> events = EventFileReader.read(file);
        assertThat(events).extracting(EventFileReader.Event::step).containsExactly(0L, 0L, 1L, 2L, 3L);
        assertThat(events.getLast().scalars()).containsExactly(Map.entry("loss", 0.0625f));
    }

    private static int sentStep(TestServer server, Job job) {
        return server.database
            .list("select sent_step from job_tracker where job_id = ?", row -> row.getInt(1), job.id())
            .getFirst();
    }

    @Test
    void shouldTellMlflowOfParametersMetricsAndTheEnd() throws Exception {
        TestServer server = server();
        trackers(server, true);
        Job job = mlflowJob(server, 5);
        server.jobs.start();
        server.await(job.id(), JobStatus.SUCCEEDED);
        awaitStatus("FINISHED");

        assertThat(mlflow.experiments).containsKey("sums");
        StubMlflow.Run run = mlflow.only();
        assertThat(run.created.path("run_name").asText()).isEqualTo("first");
        assertThat(run.created.path("tags").toString()).contains("{\"key\":\"team\",\"value\":\"reasoning\"}",
                job.id());
        assertThat(run.params).containsEntry("seed", "7")
            .containsEntry("model", "base")
            .containsEntry("reinforcement.d3s.steps", "5")
            .containsKey("reinforcement.d3s.optimizer.learning_rate");
        assertThat(loggedSteps("reward_mean")).containsExactly(0, 1, 2, 3, 4);
        assertThat(loggedSteps("accuracy")).containsExactly(-1);
        assertThat(run.metrics).filteredOn(logged -> logged.key().equals("reward_mean"))
            .extracting(StubMlflow.Logged::value)
            .containsExactly(0.0, 0.1, 0.2, 0.1 * 3, 0.4);
        assertThat(mlflow.repeated).isZero();
    }

    /** More than MLflow takes in one call, and more than is read at once. */
    @Test
    void shouldSendManyStepsInBatches() throws Exception {
        TestServer server = server();
        PlayedRun run = claimed(server, mlflowJob(server, 500));
        Job job = run.job();
        for (int step = 0; step < 450; step++) {
            double value = step;
            run.step(new StepReport(step, 500, Map.of("a", value, "b", value, "c", value, "d", value, "e", value, "f",
                    value)), "Step");
        }
        trackers(server, true);
        await(() -> sentStep(server, job) == 449);

        for (String name : List.of("a", "f")) {
            assertThat(loggedSteps(name)).containsExactlyElementsOf(IntStream.range(0, 450).boxed().toList());
        }
        assertThat(mlflow.repeated).isZero();
        assertThat(mlflow.only().metrics).extracting(StubMlflow.Logged::timestamp).isSorted();
    }

    /** A tracker that is away neither fails nor slows the job, and has everything once it is back. */
    @Test
    void shouldGoOnWhenATrackerIsBack() throws Exception {
        mlflow.down = true;
        TestServer server = server();
        JobTrackers trackers = trackers(server, true);
        Job job = mlflowJob(server, 6);
        server.jobs.start();
        server.await(job.id(), JobStatus.SUCCEEDED);
        await(() -> trackers.trouble().isPresent());
        assertThat(trackers.trouble()).get().asString().startsWith("1 tracker fails: 127.0.0.1:").contains("503");

        mlflow.down = false;
        awaitStatus("FINISHED");
        assertThat(loggedSteps("reward_mean")).containsExactly(0, 1, 2, 3, 4, 5);
        await(() -> trackers.trouble().isEmpty());
        List<JobEvent> events = server.jobs.events(TestServer.CALLER, job.id(), null, 100).elements();
        assertThat(events).filteredOn(event -> event.level() == Level.WARN)
            .singleElement()
            .satisfies(event -> assertThat(event.message()).startsWith("integrations[0] cannot be told of the job"));
        assertThat(events).extracting(JobEvent::message).contains("integrations[0] hears of the job again.");
    }

    /** Steps that run again after an interruption are in the tracker once; metrics that are added to one arrive. */
    @Test
    void shouldNeitherLoseNorRepeatStepsWhenAJobIsResumed() throws Exception {
        TestServer server = server();
        trackers(server, true);
        Job job = mlflowJob(server, 6);
        server.training.hold();
        server.jobs.start();
        server.training.awaitHeld();
        server.training.allow(3);
        await(() -> sentStep(server, job) == 2);
        server.jobs.pause(TestServer.CALLER, job.id());
        server.await(job.id(), JobStatus.PAUSED);
        awaitStatus("SCHEDULED");

        server.training.letGo();
        server.jobs.resume(TestServer.CALLER, job.id());
        server.await(job.id(), JobStatus.SUCCEEDED);
        awaitStatus("FINISHED");
        assertThat(loggedSteps("reward_mean")).containsExactly(0, 1, 2, 3, 4, 5);
    }

    @Test
    void shouldSendMetricsThatAreAddedToAStep() throws Exception {
        TestServer server = server();
        PlayedRun run = claimed(server, mlflowJob(server, 6));
        Job job = run.job();
        trackers(server, true);
        run.step(new StepReport(0, 6, Map.of("loss", 0.5)), "Step 1");
        await(() -> sentStep(server, job) == 0);
        run.step(new StepReport(0, 6, Map.of("loss", 0.5, "accuracy", 0.75)), "Step 1");
        await(() -> {
            synchronized (mlflow) {
                return mlflow.only().metrics.size() == 2;
            }
        });
        assertThat(loggedSteps("loss")).containsExactly(0);
        assertThat(loggedSteps("accuracy")).containsExactly(0);
    }

    @Test
    void shouldFindItsRunAgainAfterACrash() throws Exception {
        TestServer server = server();
        PlayedRun run = claimed(server, mlflowJob(server, 6));
        Job job = run.job();
        run.step(new StepReport(0, 6, Map.of("loss", 0.5)), "Step 1");
        JobTrackers first = trackers(server, true);
        await(() -> sentStep(server, job) == 0);
        first.close();
        // as if nothing of it had been noted down
        server.database.change(connection -> Database.execute(connection,
                "update job_tracker set remote_id = null, sent_step = -2, sent_names = null, seen_event = 0"));
        trackers(server, true);
        await(() -> sentStep(server, job) == 0);

        assertThat(mlflow.only().metrics).hasSize(1);
        assertThat(mlflow.repeated).isEqualTo(1);
    }

    @Test
    void shouldNotLetAServerThatSleptWriteOverItsSuccessor() {
        TestServer server = server();
        PlayedRun run = claimed(server, mlflowJob(server, 6));
        run.step(new StepReport(0, 6, Map.of("loss", 0.5)), "Step 1");
        TrackerStore store = new TrackerStore(server.database);
        TrackerStore.Tracker sleeper = store.claim(8, 1000, 2000).getFirst();
        assertThat(store.claim(8, 1999, 3000)).isEmpty();
        TrackerStore.Tracker successor = store.claim(8, 2000, 3000).getFirst();
        store.told(sleeper, "sleeper", 0, Set.of("loss"), 9, true);
        store.failed(sleeper, "sleeper", "away", 9000, true);
        store.release(sleeper);
        assertThat(store.claim(8, 2999, 4000)).isEmpty();

        store.told(successor, "successor", 0, Set.of("loss"), 1, false);

        assertThat(store.claim(8, 3000, 4000)).singleElement().satisfies(tracker -> {
            assertThat(tracker.remoteId()).isEqualTo("successor");
            assertThat(tracker.failures()).isZero();
        });
    }

    @Test
    void shouldNotReachIntoTheServersNetwork() throws Exception {
        TestServer server = server();
        JobTrackers trackers = trackers(server, false);
        Job job = mlflowJob(server, 2);
        server.jobs.start();
        server.await(job.id(), JobStatus.SUCCEEDED);
        await(() -> trackers.trouble().isPresent());

        assertThat(trackers.trouble()).get().asString().contains("inside this server's network", "d3s.network.allow");
        assertThat(mlflow.runs).isEmpty();
    }

    @Test
    void shouldNameEveryMistakeOfIntegrations() {
        TestServer server = server();
        assertThatThrownBy(() -> server.jobs.create(TestServer.CALLER,
                with(server.request(2),
                        """
                                [{"type": "wandb", "wandb": {"project": "p"}}, {"type": "mlflow", "mlflow": {"tracking_url": "x"}},
                                 {"type": "mlflow", "mlflow": {"tracking_uri": "http://127.0.0.1:5000", "experiment": "", "tags": {"a": 1}}},
                                 {"type": "tensorboard", "tensorboard": {"directory": "/etc"}}, "wandb"]""")))
            .isInstanceOfSatisfying(InvalidRequestException.class,
                    e -> assertThat(e.mistakes()).extracting(Mistake::param)
                        .containsExactlyInAnyOrder("integrations[0].type", "integrations[1].mlflow.tracking_url",
                                "integrations[1].mlflow.tracking_uri", "integrations[2].mlflow.tracking_uri",
                                "integrations[2].mlflow.experiment", "integrations[2].mlflow.tags",
                                "integrations[3].tensorboard.directory", "integrations[4].type"))
            .hasMessageContaining(
                    "\"wandb\" but must be tensorboard or mlflow: this server does not report to Weights");
    }

    /** Begins a job's run. */
    private static PlayedRun claimed(TestServer server, Job queued) {
        PlayedRun run = server.claim();
        assertThat(run.job().id()).isEqualTo(queued.id());
        run.begin();
        return run;
    }
}

package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.config.OrganizationLimit;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.LimitReachedException;
import dev.d3s.server.request.Page;
import dev.d3s.server.store.TestDatabase;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingStopped;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

@ParameterizedClass
@EnumSource
class JobServiceTest {
    private final TestDatabase database;
    private final Path home;

    private final List<TestServer> servers = new ArrayList<>();
    private TestServer server;

    JobServiceTest(TestDatabase database, @TempDir Path home) {
        this.database = database;
        this.home = home;
        TestServer.baseModel(home, "base");
        this.server = started();
    }

    private TestServer started() {
        TestServer started = new TestServer(home, database);
        started.jobs.start();
        servers.add(started);
        return started;
    }

    @BeforeEach
    void allowEverything() {
        server.training.reset();
    }

    @AfterEach
    void close() {
        servers.forEach(TestServer::close);
    }

    private List<String> messages(TestServer server, String job) {
        return server.jobs.events(TestServer.CALLER, job, null, 1000)
            .elements()
            .reversed()
            .stream()
            .map(JobEvent::message)
            .toList();
    }

    @Test
    void shouldTrainAJobAndOfferItsModel() throws Exception {
        Job job = server.jobs.create(TestServer.CALLER, server.request(5));
        assertThat(job.status()).isIn(JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED);

        Job done = server.await(job.id(), JobStatus.SUCCEEDED);

        assertThat(done.trainedTokens()).isEqualTo(50);
        assertThat(done.completedSteps()).isEqualTo(5);
        assertThat(done.finishedAt()).isNotNull();
        assertThat(done.fineTunedModel()).startsWith("ft:base:d3s::");
        assertThat(server.jobs.checkpoints(TestServer.CALLER, job.id(), null, 10).elements())
            .extracting(Checkpoint::step)
            .containsExactly(5, 4, 2);
        ModelCatalog.Model model = server.models.model(TestServer.CALLER, String.valueOf(done.fineTunedModel()));
        assertThat(model.directory().resolve("state.txt")).hasContent("5");
        assertThat(server.models.model(TestServer.CALLER, model.id() + ":ckpt-step-4").directory().resolve("state.txt"))
            .hasContent("4");
        MetricSeries metrics = server.jobs.metrics(TestServer.CALLER, job.id(), Set.of(), -1);
        assertThat(metrics.steps()).containsExactly(-1, 0, 1, 2, 3, 4);
        assertThat(metrics.values().get("accuracy")).containsExactly(0.25, null, null, null, null, null);
        assertThat(metrics.values().get("trained_tokens")).containsExactly(null, 10.0, 20.0, 30.0, 40.0, 50.0);
    }

    @Test
    void shouldGoOnWithTheSettingsThatWerePlanned() throws Exception {
        server.training.hold();
        ObjectNode request = server.request(4);
        request.withObject("/method/reinforcement/d3s").putObject("resources").put("rollout_slots", 3);
        Job job = server.jobs.create(TestServer.CALLER, request);
        server.training.awaitHeld();
        assertThat(messages(server, job.id()).getFirst()).contains("Expected peak of memory: ", " of 2.0 GiB.");
        server.jobs.pause(TestServer.CALLER, job.id());
        server.training.letGo();
        server.await(job.id(), JobStatus.PAUSED);

        server.jobs.resume(TestServer.CALLER, job.id());
        server.await(job.id(), JobStatus.SUCCEEDED);

        assertThat(job.spec().engines()).isNotNull();
        assertThat(server.training.requests).extracting(TrainingRequest::engines)
            .hasSize(2)
            .containsOnly(job.spec().engines());
    }

    @Test
    void shouldStartAJobFromACheckpointOfAnother() throws Exception {
        Job first = server.await(server.jobs.create(TestServer.CALLER, server.request(4)).id(), JobStatus.SUCCEEDED);
        String checkpoint = first.fineTunedModel() + ":ckpt-step-2";

        Job second = server.jobs
            .create(TestServer.CALLER, server.request(1).put("model", checkpoint).put("suffix", "again"));
        Job done = server.await(second.id(), JobStatus.SUCCEEDED);

        assertThat(done.fineTunedModel()).startsWith("ft:base:d3s:again:");
        assertThat(server.training.requests).last()
            .extracting(TrainingRequest::model)
            .isEqualTo(server.models.model(TestServer.CALLER, checkpoint).directory());
    }

    @Test
    void shouldRunQueuedJobsInOrder() throws Exception {
        server.training.hold();
        List<String> ids = IntStream.range(0, 3)
            .mapToObj(index -> server.jobs.create(TestServer.CALLER, server.request(1 + index)).id())
            .toList();
        server.training.awaitHeld();
        assertThat(server.jobs.list(TestServer.CALLER, null, 10, Map.of()).elements()).extracting(Job::id)
            .containsExactlyElementsOf(ids.reversed());
        server.training.letGo();

        server.await(ids.getLast(), JobStatus.SUCCEEDED);

        assertThat(server.training.requests).extracting(request -> request.settings().steps()).containsExactly(1, 2, 3);
    }

    @Test
    void shouldCancelAQueuedJobAtOnceAndARunningOneAfterACheckpoint() throws Exception {
        server.training.hold();
        Job running = server.jobs.create(TestServer.CALLER, server.request(10));
        server.training.awaitHeld();
        Job queued = server.jobs.create(TestServer.CALLER, server.request(10));

        assertThat(server.jobs.cancel(TestServer.CALLER, queued.id()).status()).isEqualTo(JobStatus.CANCELLED);
        server.jobs.cancel(TestServer.CALLER, running.id());
        Job cancelled = server.await(running.id(), JobStatus.CANCELLED);

        assertThat(cancelled.finishedAt()).isNotNull();
        assertThat(server.jobs.checkpoints(TestServer.CALLER, running.id(), null, 10).elements())
            .extracting(Checkpoint::step)
            .containsExactly(0);
        assertThat(server.training.requests).hasSize(1);
        assertThatThrownBy(() -> server.jobs.cancel(TestServer.CALLER, running.id()))
            .isInstanceOf(ConflictException.class)
            .hasMessage("The job '" + running.id()
                    + "' is cancelled, so it cannot be cancelled; it has ended and stays as it is.");
    }

    @Test
    void shouldPauseAndGoOnWhereItStopped() throws Exception {
        server.training.hold();
        Job job = server.jobs.create(TestServer.CALLER, server.request(6));
        server.training.awaitHeld();
        server.training.allow(3);
        awaitSteps(job.id(), 3);
        server.jobs.pause(TestServer.CALLER, job.id());
        Job paused = server.await(job.id(), JobStatus.PAUSED);
        assertThat(paused.completedSteps()).isEqualTo(3);
        server.training.letGo();

        server.jobs.resume(TestServer.CALLER, job.id());
        Job done = server.await(job.id(), JobStatus.SUCCEEDED);

        assertThat(done.epoch()).isEqualTo(2);
        assertThat(server.training.requests).last()
            .extracting(TrainingRequest::resumeFrom)
            .isEqualTo(server.made.checkpointsDirectory(job.id()).resolve("step-3-run-1"));
        assertThat(server.jobs.metrics(TestServer.CALLER, job.id(), Set.of("reward_mean"), 0).steps())
            .containsExactly(0, 1, 2, 3, 4, 5);
    }

    private void awaitSteps(String id, int steps) throws InterruptedException {
        server.jobs.follow(TestServer.CALLER, id, null, new Follower() {
            @Override
            public boolean event(JobEvent event) {
                return server.jobs.job(TestServer.CALLER, id).completedSteps() < steps;
            }

            @Override
            public boolean quiet() {
                return server.jobs.job(TestServer.CALLER, id).completedSteps() < steps;
            }
        });
    }

    @Test
    void shouldGoOnWithEverythingAfterARestart() throws Exception {
        server.training.freeze();
        Job running = server.jobs.create(TestServer.CALLER, server.request(6));
        server.training.awaitHeld();
        server.training.allow(3);
        awaitSteps(running.id(), 3);
        Job queued = server.jobs.create(TestServer.CALLER, server.request(1));
        // the first process is gone as far as the second can know: it was given no chance to end anything
        server.network.sever();
        TestServer next = started();

        Job done = next.await(running.id(), JobStatus.SUCCEEDED);
        assertThat(done.error()).isNull();
        assertThat(done.epoch()).isEqualTo(2);
        assertThat(next.training.requests.peek()).isNotNull()
            .extracting(TrainingRequest::resumeFrom)
            .isEqualTo(next.made.checkpointsDirectory(running.id()).resolve("step-2-run-1"));
        assertThat(next.await(queued.id(), JobStatus.SUCCEEDED).spec()).isEqualTo(queued.spec());
        assertThat(next.jobs.metrics(TestServer.CALLER, running.id(), Set.of(), 0).steps())
            .containsExactly(0, 1, 2, 3, 4, 5);
        assertThat(messages(next, running.id())).containsSubsequence("Step 1/6: reward mean 0.000",
                "Step 3/6: reward mean 0.2000",
                "The job was interrupted by a restart of the server; it is queued again and goes on after its last "
                        + "checkpoint.",
                "The job goes on after step 2.", "Step 3/6: reward mean 0.2000", "Step 6/6: reward mean 0.5000");
        List<String> before = messages(next, running.id());

        // the run of the first process comes back to life: its epoch is over, nothing it writes counts
        server.network.mend();
        server.training.letGo();
        server.close();
        assertThat(messages(next, running.id())).isEqualTo(before);
        assertThat(next.jobs.job(TestServer.CALLER, running.id())).isEqualTo(done);
    }

    @Test
    void shouldQueueTheRunningJobAgainWhenTheServerStops() throws Exception {
        server.training.hold();
        Job job = server.jobs.create(TestServer.CALLER, server.request(6));
        server.training.awaitHeld();
        server.training.allow(3);
        awaitSteps(job.id(), 3);

        server.jobs.close();

        assertThat(server.jobs.job(TestServer.CALLER, job.id()).status()).isEqualTo(JobStatus.QUEUED);
        assertThat(messages(server, job.id())).last()
            .isEqualTo("The server stopped: the job is queued again, and goes on after its last checkpoint.");
        TestServer next = started();
        next.await(job.id(), JobStatus.SUCCEEDED);
        assertThat(next.training.requests.peek()).isNotNull()
            .extracting(TrainingRequest::resumeFrom)
            .isEqualTo(next.made.checkpointsDirectory(job.id()).resolve("step-3-run-1"));
    }

    @Test
    void shouldHonourAWishForARunThatIsGone() throws Exception {
        server.training.freeze();
        Job job = server.jobs.create(TestServer.CALLER, server.request(6));
        server.training.awaitHeld();
        assertThat(server.jobs.pause(TestServer.CALLER, job.id()).status()).isEqualTo(JobStatus.RUNNING);
        assertThat(server.jobs.cancel(TestServer.CALLER, job.id()).status()).isEqualTo(JobStatus.RUNNING);
        server.network.sever();

        TestServer next = started();

        Job cancelled = next.await(job.id(), JobStatus.CANCELLED);
        assertThat(cancelled.finishedAt()).isNotNull();
        assertThat(messages(next, job.id())).last()
            .isEqualTo("The job was interrupted by a restart of the server; it was to be cancelled, and is.");
        assertThat(next.training.requests).isEmpty();
    }

    private TestServer started(QueueSettings queue) {
        TestServer started = new TestServer(home.resolve("other"), database, "one", queue);
        started.jobs.start();
        servers.add(started);
        return started;
    }

    private static OrganizationLimit each(long limit) {
        return new OrganizationLimit(limit, Map.of());
    }

    private static QueueSettings queue(int concurrent, OrganizationLimit queued, OrganizationLimit tokens,
            OrganizationLimit disk) {
        return new QueueSettings(concurrent, Duration.ofHours(1), queued, OrganizationLimit.NONE,
                OrganizationLimit.NONE,
                tokens, disk);
    }

    @Test
    void shouldRunJobsAtOnceAndTheRestByPriority() throws Exception {
        TestServer.baseModel(home.resolve("other"), "base");
        TestServer two = started(
                queue(2, OrganizationLimit.NONE, OrganizationLimit.NONE, OrganizationLimit.NONE));
        two.training.hold();
        List<String> ids = new ArrayList<>();
        for (int priority : new int[]{0, 0, -1, 5, 0}) {
            ObjectNode request = two.request(1 + ids.size());
            request.withObject("/method/reinforcement/d3s").put("priority", priority);
            request.withObject("/method/reinforcement/d3s")
                .putObject("resources")
                .put("trainer_workers", 1)
                .put("trainer_threads", 1)
                .put("rollout_workers", 1)
                .put("rollout_threads", 1);
            ids.add(two.jobs.create(TestServer.CALLER, request).id());
        }
        two.await(ids.get(0), JobStatus.RUNNING);
        two.await(ids.get(1), JobStatus.RUNNING);
        assertThat(two.jobs.job(TestServer.CALLER, ids.get(3)).status()).isEqualTo(JobStatus.QUEUED);

        two.training.letGo();
        List<Long> started = new ArrayList<>();
        for (int job : new int[]{3, 4, 2}) {
            started.add(Objects.requireNonNull(two.await(ids.get(job), JobStatus.SUCCEEDED).runStartedAt()));
        }
        assertThat(started).isSorted();
    }

    @Test
    void shouldRefuseWhatIsBeyondALimit() throws Exception {
        TestServer.baseModel(home.resolve("other"), "base");
        TestServer limited = started(queue(1, each(1), OrganizationLimit.NONE, each(100_000)));
        limited.training.hold();
        ObjectNode request = limited.request(1);
        String running = limited.jobs.create(TestServer.CALLER, request).id();
        limited.training.awaitHeld();
        limited.jobs.create(TestServer.CALLER, request);

        assertThatThrownBy(() -> limited.jobs.create(TestServer.CALLER, request))
            .isInstanceOf(LimitReachedException.class)
            .hasMessage(
                    "Organization d3s has 1 jobs waiting, of 1 that may: wait until one has started, or cancel one.");
        assertThatThrownBy(() -> limited.upload("x".repeat(100_000))).isInstanceOf(LimitReachedException.class)
            .hasMessageContaining("of 100000 that they may, and this needs 100000 more");
        limited.jobs.cancel(TestServer.CALLER, running);
    }

    @Test
    void shouldLetJobsWaitWhoseTokensOfTheDayAreUsedUp() throws Exception {
        TestServer.baseModel(home.resolve("other"), "base");
        TestServer limited = started(queue(1, OrganizationLimit.NONE, each(25), OrganizationLimit.NONE));
        limited.training.hold();
        Job job = limited.jobs.create(TestServer.CALLER, limited.request(10));
        limited.training.awaitHeld();
        limited.training.allow(4); // of ten tokens each

        limited.await(job.id(), JobStatus.QUEUED);

        assertThat(messages(limited, job.id())).last()
            .asString()
            .startsWith("The organization has had its tokens of the day: the job is queued again");
        Job second = limited.jobs.create(TestServer.CALLER, limited.request(1));
        limited.jobs.follow(TestServer.CALLER, second.id(), null, new Follower() {
            @Override
            public boolean event(JobEvent event) {
                return !event.message().startsWith("The job waits until 00:00 UTC: organization d3s has trained on 40");
            }

            @Override
            public boolean quiet() {
                return true;
            }
        });
        assertThat(limited.training.requests).hasSize(1);
    }

    @Test
    void shouldFailAJobWithWordsAndGoOn() throws Exception {
        assertFailure(() -> {
            throw new D3sException(ErrorCategory.USER, "loss_not_finite", "The loss is NaN in step 2: lower it.");
        }, "loss_not_finite", "The loss is NaN in step 2: lower it.");
        assertFailure(() -> {
            throw new IOException("Input/output error");
        }, "io_error", "Failed while training: IOException: Input/output error");
        assertFailure(() -> {
            throw new OutOfMemoryError("Java heap space");
        }, "out_of_memory",
                "The server ran out of memory (Java heap space; Java's heap may have "
                        + (Runtime.getRuntime().maxMemory() >> 20)
                        + " MiB): use a smaller batch_size, group_size or max_tokens, or give it more memory.");
        assertFailure(() -> {
            throw new IllegalStateException("a bug");
        }, "internal_error", null);
        assertFailure(() -> {
            throw new TrainingStopped();
        }, "internal_error", "The training stopped although nobody asked for it.");

        server.training.reset();
        server.await(server.jobs.create(TestServer.CALLER, server.request(1)).id(), JobStatus.SUCCEEDED);
    }

    private void assertFailure(ScriptedTraining.Fault fault, String code, @Nullable String message) throws Exception {
        server.training.failAt(1, fault);
        Job failed = server.await(server.jobs.create(TestServer.CALLER, server.request(3)).id(), JobStatus.FAILED);
        Job.JobError error = failed.error();
        assertThat(error).isNotNull();
        assertThat(error.code()).isEqualTo(code);
        if (message == null) {
            assertThat(error.message())
                .isEqualTo("The server failed (IllegalStateException); its log has the details under job "
                        + failed.id() + ".");
        } else {
            assertThat(error.message()).isEqualTo(message);
        }
        assertThat(messages(server, failed.id())).last().isEqualTo("The job has failed: " + error.message());
        assertThat(failed.finishedAt()).isNotNull();
    }

    @Test
    void shouldLeaveNoHalfWrittenCheckpointBehind() throws Exception {
        Path jobsDirectory = home.resolve("jobs");
        Files.writeString(jobsDirectory, "in the way of every checkpoint");

        Job failed = server.await(server.jobs.create(TestServer.CALLER, server.request(3)).id(), JobStatus.FAILED);

        assertThat(failed.error()).isNotNull().extracting(Job.JobError::code).isEqualTo("io_error");
        assertThat(server.jobs.checkpoints(TestServer.CALLER, failed.id(), null, 10).elements()).isEmpty();
        Files.delete(jobsDirectory);
        server.jobs.resume(TestServer.CALLER, failed.id());
        server.await(failed.id(), JobStatus.SUCCEEDED);
        assertThat(home.resolve("jobs").resolve(failed.id()).resolve("checkpoints"))
            .isDirectoryContaining("glob:**step-3-run-2")
            .isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void shouldFollowEventsWithoutLosingOneAndContinueAfterOne() throws Exception {
        server.training.hold();
        Job job = server.jobs.create(TestServer.CALLER, server.request(50));
        List<JobEvent> live = new ArrayList<>();
        Thread follower = Thread.ofVirtual().start(() -> collect(job.id(), null, live));
        server.training.awaitHeld();
        server.training.letGo();
        follower.join();

        List<JobEvent> stored = server.jobs.events(TestServer.CALLER, job.id(), null, 1000).elements().reversed();
        assertThat(live).isEqualTo(stored);
        assertThat(stored).extracting(JobEvent::sequence)
            .containsExactlyElementsOf(LongStream.rangeClosed(1, stored.size()).boxed().toList());
        assertThat(live).last().extracting(JobEvent::message).asString().startsWith("The job has succeeded");

        List<JobEvent> rest = new ArrayList<>();
        collect(job.id(), stored.get(9).id(), rest);
        assertThat(rest).isEqualTo(stored.subList(10, stored.size()));
    }

    private void collect(String id, @Nullable String lastEventId, List<JobEvent> into) {
        try {
            server.jobs.follow(TestServer.CALLER, id, lastEventId, new Follower() {
                @Override
                public boolean event(JobEvent event) {
                    into.add(event);
                    return true;
                }

                @Override
                public boolean quiet() {
                    return true;
                }
            });
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldPageThroughEventsToAnEmptyPage() throws Exception {
        Job job = server.await(server.jobs.create(TestServer.CALLER, server.request(4)).id(), JobStatus.SUCCEEDED);
        List<JobEvent> all = server.jobs.events(TestServer.CALLER, job.id(), null, 1000).elements();
        List<JobEvent> paged = new ArrayList<>();
        String after = null;
        while (true) {
            Page<JobEvent> page = server.jobs.events(TestServer.CALLER, job.id(), after, 3);
            if (page.elements().isEmpty()) {
                assertThat(page.hasMore()).isFalse();
                break;
            }
            paged.addAll(page.elements());
            assertThat(page.hasMore()).isEqualTo(paged.size() < all.size());
            after = page.elements().getLast().id();
        }
        assertThat(paged).isEqualTo(all);
    }

    @Test
    void shouldFindJobsByMetadata() throws Exception {
        for (int index = 0; index < 5; index++) {
            Job job = server.jobs.create(TestServer.CALLER, server.request(1)
                .set("metadata",
                        TestServer.json("{\"team\": \"%s\", \"run\": \"%d\"}".formatted(index % 2 == 0 ? "even" : "odd",
                                index))));
            server.await(job.id(), JobStatus.SUCCEEDED);
        }
        Page<Job> page = server.jobs.list(TestServer.CALLER, null, 2, Map.of("team", "even"));
        assertThat(page.elements()).extracting(job -> job.spec().metadata().get("run")).containsExactly("4", "2");
        assertThat(page.hasMore()).isTrue();
        assertThat(server.jobs.list(TestServer.CALLER, page.elements().getLast().id(), 2, Map.of("team", "even"))
            .elements())
            .extracting(job -> job.spec().metadata().get("run"))
            .containsExactly("0");
    }

    @Test
    void shouldKeepFilesAndModelsThatAJobNeeds() throws Exception {
        Job first = server.await(server.jobs.create(TestServer.CALLER, server.request(2)).id(), JobStatus.SUCCEEDED);
        String model = String.valueOf(first.fineTunedModel());
        server.training.hold();
        Job second = server.jobs.create(TestServer.CALLER, server.request(2).put("model", model));

        assertThatThrownBy(() -> server.files.delete(TestServer.CALLER, second.spec().trainingFile()))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("is needed by job '" + second.id() + "'");
        assertThatThrownBy(() -> server.models.delete(TestServer.CALLER, model)).isInstanceOf(ConflictException.class);
        assertThatThrownBy(() -> server.models.delete(TestServer.CALLER, "base"))
            .isInstanceOf(InvalidRequestException.class);

        server.training.letGo();
        server.await(second.id(), JobStatus.SUCCEEDED);
        Path directory = server.models.model(TestServer.CALLER, model).directory();
        server.models.delete(TestServer.CALLER, model);
        server.files.delete(TestServer.CALLER, second.spec().trainingFile());
        assertThat(directory).doesNotExist();
        assertThat(server.models.find(TestServer.CALLER, model)).isEmpty();
        assertThat(server.files.find(TestServer.CALLER, second.spec().trainingFile())).isEmpty();
        assertThat(server.models.models(TestServer.CALLER)).extracting(ModelCatalog.Model::id).doesNotContain(model);
    }

    @Test
    void shouldFailAJobWhoseModelWentAway() throws Exception {
        server.training.hold();
        Job first = server.jobs.create(TestServer.CALLER, server.request(1));
        server.training.awaitHeld();
        TestServer.baseModel(home, "short-lived");
        Job second = server.jobs.create(TestServer.CALLER, server.request(1).put("model", "short-lived"));
        Files.delete(home.resolve("models/short-lived/config.json"));
        server.training.letGo();

        server.await(first.id(), JobStatus.SUCCEEDED);
        assertThat(server.await(second.id(), JobStatus.FAILED).error()).isNotNull()
            .extracting(Job.JobError::message)
            .isEqualTo("There is no model 'short-lived'.");
    }

    @Test
    void shouldEstimateWhenARunningJobEnds() throws Exception {
        server.training.hold();
        Job job = server.jobs.create(TestServer.CALLER, server.request(10));
        server.training.awaitHeld();
        assertThat(server.jobs.job(TestServer.CALLER, job.id()).estimatedFinish()).isNull();
        server.training.allow(2);
        awaitSteps(job.id(), 2);
        Job running = server.jobs.job(TestServer.CALLER, job.id());
        long now = System.currentTimeMillis();
        assertThat(running.estimatedFinish()).isNotNull()
            .isBetween(now, now + 1000 * ScriptedTraining.remaining(2, 10));
        server.training.letGo();
        assertThat(server.await(job.id(), JobStatus.SUCCEEDED).estimatedFinish()).isNull();
    }

    @Test
    void shouldTrainOnFilesOfTheDataDirectoryOnly() throws Exception {
        Path data = Files.createDirectories(home.resolve("data/sets"));
        String row = "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n";
        Path file = Files.writeString(data.resolve("rows.jsonl"), row);
        Path secret = Files.writeString(home.resolve("secret.jsonl"), row);
        Files.createSymbolicLink(data.resolve("link.jsonl"), secret);

        for (String name : List.of("file:sets/rows.jsonl", file.toRealPath().toString(), "file:" + file.toRealPath(),
                "file://" + file.toRealPath(), "file:sets/../sets/rows.jsonl")) {
            Job job = server.jobs.create(TestServer.CALLER, server.request(1).put("training_file", name));
            server.await(job.id(), JobStatus.SUCCEEDED);
            assertThat(new ArrayList<>(server.training.requests).getLast().trainingFile()).isEqualTo(file.toRealPath());
        }
        for (String name : List.of("file:../secret.jsonl", secret.toString(), "file:sets/link.jsonl", "file:sets",
                "file:", "file://", "file:absent.jsonl", "/etc/passwd", "file:\0")) {
            assertThatThrownBy(
                    () -> server.jobs.create(TestServer.CALLER, server.request(1).put("training_file", name)))
                .isInstanceOfSatisfying(InvalidRequestException.class,
                        refused -> assertThat(refused.getMessage()).contains("d3s.data.directory"));
        }
    }
}

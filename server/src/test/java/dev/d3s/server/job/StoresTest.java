package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.job.RunRecord.StaleRunException;
import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.server.store.TestDatabase;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.TrainingTotals;
import dev.d3s.spi.D3sException;

/** The stores over each real database. */
@ParameterizedClass
@EnumSource
class StoresTest {
    private final TestDatabase database;
    private final TestServer server;
    private final Stores stores;

    StoresTest(TestDatabase database, @TempDir Path home) {
        this.database = database;
        TestServer.baseModel(home, "base");
        // never started: nobody runs the jobs but the test
        server = new TestServer(home, database);
        stores = server.stores;
    }

    private Job claimed() {
        server.jobs.create(TestServer.CALLER, server.request(10));
        return begun(0);
    }

    /** The next queued job, whose run goes on after a step. */
    private Job begun(int firstStep) {
        Job job = stores.jobs.claim("one", "permit", TestServer.ROOM).orElseThrow();
        stores.run(job).begin(firstStep);
        return server.jobs.job(TestServer.CALLER, job.id());
    }

    private static StepReport step(int step, Map<String, Double> metrics) {
        return new StepReport(step, 10, metrics);
    }

    private static StepReport recorded(int step, Map<String, Double> metrics) {
        return new StepReport(step, 10, metrics, ScriptedTraining.rollouts(step), Double.NaN);
    }

    @Test
    void shouldClaimAJobOnce() {
        server.jobs.create(TestServer.CALLER, server.request(10));
        assertThat(stores.jobs.claim("one", "permit", TestServer.ROOM)).get().satisfies(job -> {
            assertThat(job.status()).isEqualTo(JobStatus.RUNNING);
            assertThat(job.epoch()).isEqualTo(1);
            assertThat(job.server()).isEqualTo("one");
            assertThat(job.permit()).isEqualTo("permit");
        });
        assertThat(stores.jobs.claim("two", "another", TestServer.ROOM)).isEmpty();
    }

    @Test
    void shouldCommitAllOfAStepOrNothing() {
        Job job = claimed();
        RunRecord record = stores.run(job);
        record.step(step(0, Map.of("loss", 1.0)), "Step 1");
        long events = stores.events.newestBefore(job.id(), Long.MAX_VALUE, 100).size();

        // the name is null: the metric's insert fails after the counters were changed
        Map<String, Double> broken = new HashMap<>();
        broken.put("trained_tokens", 99.0);
        broken.put(null, 1.0);
        assertThatThrownBy(() -> record.step(recorded(1, broken), "Step 2")).isInstanceOfAny(D3sException.class,
                NullPointerException.class, IllegalArgumentException.class);

        assertThat(server.jobs.job(TestServer.CALLER, job.id()).completedSteps()).isEqualTo(1);
        assertThat(server.jobs.job(TestServer.CALLER, job.id()).trainedTokens()).isNull();
        assertThat(stores.metrics.series(job.id(), Set.of(), -1).steps()).containsExactly(0);
        assertThat(stores.rollouts.steps(job.id())).isEmpty();
        assertThat(stores.events.newestBefore(job.id(), Long.MAX_VALUE, 100)).hasSize((int) events);
    }

    @Test
    void shouldRefuseEveryWriteOfARunThatIsOver() {
        Job first = claimed();
        RunRecord stale = stores.run(first);
        stores.jobs.move(first.id(), Set.of(JobStatus.RUNNING), JobStatus.QUEUED, JobEvent.Level.INFO, "again");
        Job second = begun(0);
        List<JobEvent> before = stores.events.newestBefore(first.id(), Long.MAX_VALUE, 100);

        assertThatThrownBy(() -> stale.step(step(0, Map.of("loss", 1.0)), "x")).isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale.message(JobEvent.Level.INFO, "x")).isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale
            .checkpoint(new Checkpoint("ftckpt-1", first.id(), 1, 0, "m", Map.of(), "step-1-run-1", false)))
            .isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale.succeeded(new TrainingTotals(1, 1), "m", 1))
            .isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale.failed(new Job.JobError("a", "b", null)))
            .isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale.begin(0)).isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale.requeued("x")).isInstanceOf(StaleRunException.class);
        assertThatThrownBy(() -> stale.paused(JobEvent.Level.INFO, "x")).isInstanceOf(StaleRunException.class);
        assertThatThrownBy(stale::cancelled).isInstanceOf(StaleRunException.class);

        assertThat(stores.events.newestBefore(first.id(), Long.MAX_VALUE, 100)).isEqualTo(before);
        assertThat(server.jobs.job(TestServer.CALLER, first.id())).isEqualTo(second);
        assertThat(stores.checkpoints.latestFirst(first.id())).isEmpty();
    }

    private Job recovered(Job job) {
        JobStore.Owner owner = stores.jobs.holding("permit").getFirst();
        assertThat(stores.jobs.recover(owner, "The server is gone")).isTrue();
        assertThat(stores.jobs.recover(owner, "The server is gone")).as("by another server, too").isFalse();
        return server.jobs.job(TestServer.CALLER, job.id());
    }

    @Test
    void shouldPauseAJobThatEndsServersBeforeItGetsAnywhere() {
        Job job = claimed();
        assertThat(recovered(job).status()).isEqualTo(JobStatus.QUEUED);
        stores.run(begun(0)).step(step(0, Map.of()), "some way");
        assertThat(recovered(job).status()).as("counts from here").isEqualTo(JobStatus.QUEUED);
        for (int crash = 1; crash < 3; crash++) {
            begun(0);
            assertThat(recovered(job).status()).isEqualTo(JobStatus.QUEUED);
        }
        begun(0);
        Job looping = recovered(job);

        assertThat(looping.status()).isEqualTo(JobStatus.PAUSED);
        assertThat(looping.error()).isNotNull().satisfies(error -> {
            assertThat(error.code()).isEqualTo("crash_loop");
            assertThat(error.message()).startsWith("The server ended 3 times in a row while it ran the job, before a ")
                .contains("/v1/fine_tuning/jobs/" + job.id() + "/resume");
        });
        assertThat(server.jobs.events(TestServer.CALLER, job.id(), null, 1).elements().getFirst().level())
            .isEqualTo(JobEvent.Level.WARN);
        server.jobs.resume(TestServer.CALLER, job.id());
        begun(0);
        assertThat(recovered(job).status()).as("a new chance").isEqualTo(JobStatus.QUEUED);
    }

    @Test
    void shouldPauseAJobThatAlwaysEndsServersAtTheSameStep() {
        Job job = claimed();
        stores.run(job).step(step(0, Map.of()), "x");
        for (int crash = 0; crash < 10; crash++) {
            assertThat(recovered(job).status()).isEqualTo(JobStatus.QUEUED);
            stores.run(begun(0)).step(step(0, Map.of()), "x");
        }
        assertThat(recovered(job).status()).isEqualTo(JobStatus.PAUSED);
        assertThat(server.jobs.job(TestServer.CALLER, job.id()).error()).isNotNull()
            .extracting(Job.JobError::message)
            .asString()
            .contains("10 times in a row", "no further than step 1");
    }

    @Test
    void shouldForgetTheStepsThatARunRepeats() {
        Job job = claimed();
        RunRecord record = stores.run(job);
        record.step(step(-1, Map.of("loss", 9.0)), "x");
        for (int step = 0; step < 5; step++) {
            record.step(recorded(step, Map.of("loss", (double) step)), "x");
        }
        record.paused(JobEvent.Level.INFO, "paused");
        server.jobs.resume(TestServer.CALLER, job.id());

        Job resumed = begun(3);

        assertThat(resumed.completedSteps()).isEqualTo(3);
        assertThat(stores.metrics.series(job.id(), Set.of(), -1).steps()).containsExactly(-1, 0, 1, 2);
        assertThat(stores.rollouts.steps(job.id())).containsExactly(0, 1, 2);
        assertThat(stores.rollouts.rollouts(job.id(), 3)).isEmpty();
    }

    @Test
    void shouldKeepRolloutsAsTheyWere() {
        Job job = claimed();
        RunRecord record = stores.run(job);
        record.step(step(0, Map.of("loss", 1.0)), "x");
        record.step(recorded(1, Map.of("loss", 1.0)), "x");
        assertThat(stores.rollouts.steps(job.id())).containsExactly(1);
        assertThat(stores.rollouts.rollouts(job.id(), 0)).isEmpty();
        assertThat(stores.rollouts.rollouts(job.id(), 1)).hasValue(ScriptedTraining.rollouts(1));

        stores.database.change(connection -> stores.rollouts.put(connection, job.id(), 1,
                RolloutStore.packed(ScriptedTraining.rollouts(7))));
        assertThat(stores.rollouts.rollouts(job.id(), 1)).as("once more").hasValue(ScriptedTraining.rollouts(7));
    }

    /** As many tokens as the training loop hands over for one step at most, none like another. */
    @Test
    void shouldKeepTheLargestRecordSmall() {
        Random random = new Random(1);
        List<RecordedRollout> rollouts = IntStream.range(0, 32)
            .mapToObj(index -> new RecordedRollout(0, index, "prompt", "completion", 1.0, null, 1, 1.0, true, "length",
                    1024, false, Stream.generate(() -> {
                        int id = random.nextInt(150_000);
                        return new RecordedRollout.Token(id, Integer.toString(id, 36), -random.nextFloat(),
                                random.nextFloat(), random.nextBoolean(), 1);
                    }).limit(1024).toList()))
            .toList();
        assertThat(RolloutStore.packed(rollouts)).hasSizeLessThan(600_000);
    }

    @Test
    void shouldGiveMetricsAsColumns() {
        Job job = claimed();
        RunRecord record = stores.run(job);
        record.step(step(0, Map.of("loss", 1.0, "kl", 0.5)), "x");
        record.step(step(1, Map.of("loss", 2.0)), "x");
        record.step(step(2, Map.of("kl", 1e-300, "broken", Double.NaN)), "x");

        MetricSeries all = stores.metrics.series(job.id(), Set.of(), 0);
        assertThat(all.steps()).containsExactly(0, 1, 2);
        assertThat(all.values()).containsOnlyKeys("kl", "loss");
        assertThat(all.values().get("kl")).containsExactly(0.5, null, 1e-300);
        assertThat(all.values().get("loss")).containsExactly(1.0, 2.0, null);
        MetricSeries some = stores.metrics.series(job.id(), Set.of("loss", "none"), 1);
        assertThat(some.steps()).containsExactly(1);
        assertThat(some.values()).isEqualTo(Map.of("loss", List.of(2.0)));
        record.step(step(1, Map.of("loss", 3.0)), "once more");
        assertThat(stores.metrics.series(job.id(), Set.of("loss"), 1).values().get("loss")).containsExactly(3.0);
    }

    @Test
    void shouldNumberEventsWithoutGapsWhileManyWrite() throws InterruptedException {
        Job job = claimed();
        List<Thread> threads = new ArrayList<>();
        for (int writer = 0; writer < 4; writer++) {
            threads.add(Thread.ofPlatform()
                .start(() -> IntStream.range(0, 25)
                    .forEach(index -> stores.jobs.note(job.id(), JobEvent.Level.INFO, "note " + index))));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        List<JobEvent> events = stores.events.oldestAfter(job.id(), 0, 1000);
        assertThat(events).extracting(JobEvent::sequence)
            .containsExactlyElementsOf(LongStream.rangeClosed(1, 102).boxed().toList());
        assertThat(events).allSatisfy(event -> assertThat(JobEvent.sequenceOf(event.id())).isEqualTo(event.sequence()));
        assertThat(stores.events.newestBefore(job.id(), 3, 1)).extracting(JobEvent::sequence).containsExactly(2L);
    }

    @Test
    void shouldReplaceTheCheckpointOfAStepThatRanAgain() {
        Job job = claimed();
        RunRecord record = stores.run(job);
        record.checkpoint(new Checkpoint("ftckpt-1", job.id(), 2, 1, "m:ckpt-step-2", Map.of("loss", 1.0),
                "step-2-run-1", false));
        record.checkpoint(new Checkpoint("ftckpt-2", job.id(), 2, 2, "m:ckpt-step-2", Map.of("loss", 2.0),
                "step-2-run-2", true));
        assertThat(stores.checkpoints.latestFirst(job.id())).containsExactly(
                new Checkpoint("ftckpt-2", job.id(), 2, 2, "m:ckpt-step-2", Map.of("loss", 2.0),
                        "step-2-run-2", true));
        assertThat(stores.checkpoints.byModel("m:ckpt-step-2")).isPresent();
    }

    @Test
    void shouldSayThatTheDiskIsFull() {
        for (SQLException full : List.of(
                new SQLException("[SQLITE_FULL] Insertion failed because database is full"),
                new SQLException("could not extend file \"base/1/2\"", "53100"))) {
            assertThatThrownBy(() -> stores.database.change(connection -> {
                throw full;
            })).isInstanceOfSatisfying(D3sException.class, e -> {
                assertThat(e.code()).isEqualTo("disk_full");
                assertThat(e).hasMessageContaining("free space under d3s.home");
            });
        }
    }

    @Test
    void shouldTryAgainWhatFailedBecauseOfOthersAndUndoItBefore() {
        Job job = claimed();
        long events = server.jobs.events(TestServer.CALLER, job.id(), null, 100).elements().size();
        Deque<SQLException> failures = new ArrayDeque<>(List.of(new SQLException("deadlock detected", "40P01"),
                new SQLException("[SQLITE_BUSY] The database file is locked"),
                new SQLException("terminating connection due to administrator command", "57P01")));

        stores.database.change(connection -> {
            stores.events.append(connection, job.id(), JobEvent.Level.INFO, JobEvent.Content.MESSAGE, "once", null);
            SQLException failure = failures.poll();
            if (failure != null) {
                throw failure;
            }
        });

        assertThat(failures).isEmpty();
        assertThat(server.jobs.events(TestServer.CALLER, job.id(), null, 100).elements()).hasSize((int) events + 1);
    }

    @Test
    void shouldSayThatTheDatabaseIsAwayWhenItStaysAway() {
        assertThatThrownBy(() -> stores.database.patient(Duration.ZERO).change(connection -> {
            throw new SQLException("Connection to 127.0.0.1:5432 refused.", "08001");
        })).isInstanceOfSatisfying(D3sException.class, e -> {
            assertThat(e.code()).isEqualTo("database_unavailable");
            assertThat(e).hasMessageContaining("d3s.datasource.url");
        });
    }

    /** Models generate the character 0, and PostgreSQL has none. */
    @Test
    void shouldStoreWhateverAModelGenerates() {
        Job job = claimed();
        stores.jobs.note(job.id(), JobEvent.Level.INFO, "a\0b \uD83D\uDE00");
        stores.run(job).step(step(0, Map.of("rollout_selector_" + "x".repeat(100), 1.0)), "x".repeat(100_000));
        assertThat(server.jobs.events(TestServer.CALLER, job.id(), null, 2).elements()).extracting(JobEvent::message)
            .containsExactly("x".repeat(100_000), "a\uFFFDb \uD83D\uDE00");
    }

    @Test
    void shouldMakeIdsThatRiseWithTime() {
        Identifiers identifiers = new Identifiers();
        List<String> ids = IntStream.range(0, 10_000).mapToObj(index -> identifiers.next("file")).toList();
        assertThat(ids).isSorted().doesNotHaveDuplicates().allMatch(id -> id.matches("file-[0-9a-z]{24}"));
    }

    @Test
    void shouldCountWhatAnOrganizationsEvaluationsUse() {
        Job first = server.jobs.create(TestServer.CALLER, server.request(10));
        String other = stores.identifiers.next("ftjob");
        stores.jobs.insert(other, "other", first.spec(), new JobDemand(1, 0), JobStatus.QUEUED, "queued",
                connection -> {});
        stores.database.change(connection -> Database.execute(connection,
                "insert into eval (id, organization, created_at, status, request, total_rows, threads, charged_at) "
                        + "values ('eval-1', 'd3s', 0, 'running', '{}', 9, 4, ?)",
                System.currentTimeMillis() - 1000));

        assertThat(server.claim().job().id()).isEqualTo(other);
        assertThat(server.claim().job().id()).isEqualTo(first.id());
    }

    @Test
    void shouldTakeTurnsAmongAThousandJobs() {
        Job first = server.jobs.create(TestServer.CALLER, server.request(10));
        for (int job = 1; job < 1000; job++) {
            stores.jobs.insert(stores.identifiers.next("ftjob"), "organization-" + job % 7, first.spec(),
                    new JobDemand(1, 0), JobStatus.QUEUED, "queued", connection -> {});
        }
        assertThat(stores.jobs.list(null, null, 100, Map.of())).hasSize(100)
            .extracting(Job::id)
            .isSortedAccordingTo(Comparator.reverseOrder());
        Set<String> taken = new HashSet<>();
        for (int turn = 0; turn < 3; turn++) {
            taken.add(stores.jobs.claim("server-" + turn, "permit-" + turn, TestServer.ROOM).orElseThrow().id());
        }
        assertThat(taken).hasSize(3);
    }
}

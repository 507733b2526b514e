package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.rollout.RefreshMode;

/** A run can be told to stop at any moment of any phase, and the one that goes on ends with the bits of a whole run. */
class StopTest {
    private static final int STEPS = 4;

    @TempDir
    Path directory;

    private ShortRuns runs;

    @BeforeEach
    void write() throws IOException {
        runs = new ShortRuns(directory);
    }

    private static Training training() {
        return new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), new TestPlugins().registry());
    }

    /** How a run ended that was to stop. */
    private record Stopped(int completed, int repeatsFrom) {}

    /**
     * Stops the run whenever the condition says so, and starts it again from its last checkpoint, until it is through.
     *
     * @param conditions of the runs in turn; the last one is never stopped
     */
    private List<Stopped> shouldEndAlike(Function<@Nullable Path, TrainingRequest> request,
            List<BooleanSupplier> conditions) throws Exception {
        RecordingObserver whole = new RecordingObserver(directory.resolve("whole"));
        TrainingTotals totals = training().run(request.apply(null), whole);

        Map<Integer, Map<String, Double>> reports = new TreeMap<>();
        List<Stopped> stops = new ArrayList<>();
        Path checkpoint = null;
        int run = 0;
        for (BooleanSupplier condition : conditions) {
            RecordingObserver observer = new RecordingObserver(directory.resolve("run-" + run++)).stopWhen(condition);
            Path from = checkpoint;
            TrainingStopped[] stop = new TrainingStopped[1];
            assertThatThrownBy(() -> training().run(request.apply(from), observer))
                .isInstanceOfSatisfying(TrainingStopped.class, stopped -> stop[0] = stopped);
            timeless(observer.reports).forEach(reports::put);
            int completed = reports.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
            stops.add(new Stopped(completed, stop[0].repeatsFrom()));
            if (stop[0].repeatsFrom() < 0 && observer.checkpoint(completed).toFile().isDirectory()) {
                checkpoint = observer.checkpoint(completed);
            }
        }
        RecordingObserver last = new RecordingObserver(directory.resolve("last"));
        assertThat(training().run(request.apply(checkpoint), last)).isEqualTo(totals);
        timeless(last.reports).forEach(reports::put);

        assertThat(reports).isEqualTo(timeless(whole.reports));
        for (String file : List.of("model.safetensors", "trainer/optimizer.safetensors",
                "trainer/training_state.json")) {
            assertThat(last.checkpoint(STEPS).resolve(file)).as(file)
                .hasSameBinaryContentAs(whole.checkpoint(STEPS).resolve(file));
        }
        return stops;
    }

    /** Everything but time, by step; a step that is reported again has its last report. */
    private static Map<Integer, Map<String, Double>> timeless(List<StepReport> reports) {
        Map<Integer, Map<String, Double>> timeless = new TreeMap<>();
        for (StepReport report : reports) {
            Map<String, Double> metrics = new LinkedHashMap<>(report.metrics());
            metrics.keySet().removeIf(name -> name.startsWith("seconds_") || name.equals("tokens_per_second"));
            timeless.put(report.step(), metrics);
        }
        return timeless;
    }

    /** True from the given question on. */
    private static BooleanSupplier fromQuestion(int number) {
        AtomicInteger questions = new AtomicInteger();
        return () -> questions.incrementAndGet() >= number;
    }

    private int questions(Function<@Nullable Path, TrainingRequest> request) throws Exception {
        AtomicInteger questions = new AtomicInteger();
        training().run(request.apply(null), new RecordingObserver(directory.resolve("counted")).stopWhen(() -> {
            questions.incrementAndGet();
            return false;
        }));
        return questions.get();
    }

    /** Every phase there is: generation, grading, scoring by reference and policy, micro-batches, both kinds of evaluation. */
    private ReinforcementSettings everything() {
        return ShortRuns.settings(STEPS)
            .objective(ObjectiveSettings.Name.GRPO, 0.05, 2)
            .entropy(ReinforcementSettings.EntropySource.RECOMPUTE)
            .evaluation(new SampledSettings(2, List.of(1, 2), 0.5))
            .build();
    }

    @Test
    void shouldStopAnywhereAndLoseNothing() throws Exception {
        ReinforcementSettings settings = everything();
        Function<@Nullable Path, TrainingRequest> request = checkpoint -> runs.reinforcement(settings, checkpoint);
        int all = questions(request);
        List<BooleanSupplier> conditions = new ArrayList<>();
        // shares of a whole run's questions: in the evaluation before training, and then wherever it happens to be
        for (double share : new double[]{0.03, 0.33, 0.25, 0.17}) {
            conditions.add(fromQuestion((int) (all * share)));
        }
        List<Stopped> stops = shouldEndAlike(request, conditions);
        assertThat(stops).allSatisfy(stop -> assertThat(stop.repeatsFrom()).isEqualTo(-1));
        assertThat(stops.getLast().completed()).as("each run went a little further").isPositive();
    }

    @Test
    void shouldKeepAStepThatWasStoppedInItsEvaluation() throws Exception {
        AtomicBoolean evaluating = new AtomicBoolean();
        ReinforcementSettings settings = everything();
        // the second step is evaluated: its rollouts are graded first, then those of the evaluation
        AtomicInteger graded = new AtomicInteger();
        int before = 16 + 2 * 16 + 2 * ShortRuns.ROLLOUTS;
        TestPlugins counting = new TestPlugins().grader("counting", input -> {
            if (graded.incrementAndGet() > before) {
                evaluating.set(true);
            }
            return TestPlugins.DIGITS.score(input);
        });
        ReinforcementSettings watched = ShortRuns.settings(STEPS)
            .objective(ObjectiveSettings.Name.GRPO, 0.05, 2)
            .entropy(ReinforcementSettings.EntropySource.RECOMPUTE)
            .evaluation(new SampledSettings(2, List.of(1, 2), 0.5))
            .grader("counting", 10)
            .build();
        RecordingObserver first = new RecordingObserver(directory.resolve("first")).stopWhen(evaluating::get);
        Training stopping = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), counting.registry());
        assertThatThrownBy(() -> stopping.run(runs.reinforcement(watched), first)).isInstanceOf(TrainingStopped.class);
        assertThat(first.reports).extracting(StepReport::step).containsExactly(-1, 0, 1);
        assertThat(first.reports.getLast().metrics()).containsKey("loss").doesNotContainKey("accuracy");

        RecordingObserver rest = new RecordingObserver(directory.resolve("rest"));
        training().run(runs.reinforcement(settings, first.checkpoint(2)), rest);
        RecordingObserver whole = new RecordingObserver(directory.resolve("whole"));
        training().run(runs.reinforcement(settings), whole);
        assertThat(rest.reports).extracting(StepReport::step).containsExactly(1, 2, 3);
        assertThat(timeless(rest.reports)).isEqualTo(new TreeMap<>(timeless(whole.reports)) {
            private static final long serialVersionUID = 1L;
            {
                keySet().removeIf(step -> step < 1);
            }
        });
        assertThat(rest.checkpoint(STEPS).resolve("model.safetensors"))
            .hasSameBinaryContentAs(whole.checkpoint(STEPS).resolve("model.safetensors"));
    }

    @Test
    void shouldStopASupervisedRunAnywhereAndLoseNothing() throws Exception {
        Function<@Nullable Path, TrainingRequest> request = checkpoint -> runs.supervised(STEPS, checkpoint);
        int all = questions(request);
        List<BooleanSupplier> conditions = new ArrayList<>();
        for (double share : new double[]{0.05, 0.4, 0.25, 0.15}) {
            conditions.add(fromQuestion((int) (all * share)));
        }
        assertThat(shouldEndAlike(request, conditions))
            .allSatisfy(stop -> assertThat(stop.repeatsFrom()).isEqualTo(-1));
    }

    @Test
    void shouldGoBackToTheLastCheckpointBetweenTheUpdatesOfAStep() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS).updates(2, 2).build();
        AtomicInteger updates = new AtomicInteger();
        AtomicBoolean stop = new AtomicBoolean();
        Training watched = new EngineTraining(new WatchedEngines(sequences -> {
            // the third update of the second step
            stop.set(updates.incrementAndGet() >= 7);
        }), new TestPlugins().registry());
        RecordingObserver first = new RecordingObserver(directory.resolve("first")).stopWhen(stop::get);
        assertThatThrownBy(() -> watched.run(runs.reinforcement(settings), first))
            .isInstanceOfSatisfying(TrainingStopped.class, stopped -> assertThat(stopped.repeatsFrom()).isZero());
        assertThat(first.reports).extracting(StepReport::step).containsExactly(-1, 0);
        assertThat(first.checkpoint(1)).as("the weights are no longer those of step 1").doesNotExist();
        assertThat(updates).hasValue(7);

        updates.set(0);
        RecordingObserver second = new RecordingObserver(directory.resolve("second")).stopWhen(stop::get);
        stop.set(false);
        Training atFirst = new EngineTraining(new WatchedEngines(sequences -> {
            // the first update of the second step: nothing has moved
            stop.set(updates.incrementAndGet() >= 5);
        }), new TestPlugins().registry());
        assertThatThrownBy(() -> atFirst.run(runs.reinforcement(settings), second))
            .isInstanceOfSatisfying(TrainingStopped.class, stopped -> assertThat(stopped.repeatsFrom()).isNegative());
        assertThat(second.checkpoint(1)).isDirectory();
    }

    @Test
    void shouldNotWaitForAGrader() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        TestPlugins plugins = new TestPlugins().grader("slow", input -> {
            asked.countDown();
            try {
                never.await(600, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return 0;
        });
        RecordingObserver observer = new RecordingObserver(directory.resolve("run"))
            .stopWhen(() -> asked.getCount() == 0);
        Training slow = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), plugins.registry());
        long begin = System.nanoTime();
        assertThatThrownBy(() -> slow.run(
                runs.reinforcement(ShortRuns.settings(STEPS).grader("slow", 500).build()), observer))
            .isInstanceOf(TrainingStopped.class);
        assertThat((System.nanoTime() - begin) / 1e9).as("seconds; one grading would take 500").isLessThan(120);
    }

    @Test
    void shouldStopWhileItMeasuresHowToRefresh() {
        RecordingObserver observer = new RecordingObserver(directory.resolve("run")).stopWhen(() -> true);
        assertThatThrownBy(() -> Runs.training()
            .run(runs.reinforcement(Runs.reinforcement("d3s", STEPS, Runs.mathGrader())), observer))
            .isInstanceOf(TrainingStopped.class);
        assertThat(observer.messages).as("it did not come to opening the loop")
            .noneMatch(message -> message.startsWith("Rollout engine refreshes"));
    }
}

package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.policy.TrainingSequence;

/** Several updates on one batch of rollouts, with real engines. */
class PolicyUpdatesTest {
    @TempDir
    Path directory;

    private ShortRuns runs;
    private RecordingObserver observer;

    @BeforeEach
    void write() throws IOException {
        runs = new ShortRuns(directory);
        observer = new RecordingObserver(directory.resolve("observed"));
    }

    private static Training training(Engines engines) {
        return new EngineTraining(engines, new TestPlugins().registry());
    }

    /** What every update of a run was given. */
    private List<List<TrainingSequence>> updates(ReinforcementSettings settings) throws Exception {
        List<List<TrainingSequence>> updates = new ArrayList<>();
        training(new WatchedEngines(updates::add)).run(runs.reinforcement(settings), observer);
        return updates;
    }

    private double last(Metric metric) {
        return observer.series(metric).getLast();
    }

    private static ShortRuns.Settings everyRollout(int steps) {
        return ShortRuns.settings(steps).rollouts(PluginChoice.of("all"));
    }

    @ParameterizedTest
    @EnumSource
    void shouldGoOverTheKeptRolloutsInMiniBatches(ObjectiveSettings.Name name) throws Exception {
        List<List<TrainingSequence>> updates = updates(
                everyRollout(1).objective(name, 0.1, 2).updates(2, 3).build());
        assertThat(updates).hasSize(6);
        assertThat(updates.getFirst()).allSatisfy(one -> assertThat(one.oldLogprobs()).isNull());
        for (int iteration = 0; iteration < 2; iteration++) {
            List<int[]> rollouts = new ArrayList<>();
            for (List<TrainingSequence> part : updates.subList(3 * iteration, 3 * iteration + 3)) {
                part.forEach(one -> rollouts.add(one.tokens()));
            }
            assertThat(rollouts).as("each rollout once").hasSameSizeAs(trained(updates)).doesNotHaveDuplicates();
        }
        double kept = 0;
        for (int update = 0; update < updates.size(); update++) {
            List<TrainingSequence> part = updates.get(update);
            assertThat(part.size()).isBetween(updates.getFirst().size() - 1, updates.getFirst().size() + 1);
            for (TrainingSequence one : part) {
                kept += one.keptTokens();
                assertThat(one.referenceLogprobs()).isNotNull();
                if (update > 0) {
                    shouldBeThoseOfTheStart(one, name == ObjectiveSettings.Name.GSPO);
                }
            }
        }
        // a fifth of the tokens is trained on, twice
        assertThat(last(Metric.TRAINED_TOKENS)).isEqualTo(kept).isEqualTo(2 * last(Metric.KEPT_TOKENS));
        assertThat(last(Metric.UPDATES)).isEqualTo(6);
        assertThat(last(Metric.POLICY_VERSION)).isEqualTo(6);
        assertThat(last(Metric.RATIO_MAX)).isGreaterThan(1);
        assertThat(last(Metric.KL)).isPositive();
        assertThat(last(Metric.ENGINE_GAP_MAX)).isLessThan(1e-4);
    }

    private static List<int[]> trained(List<List<TrainingSequence>> updates) {
        return updates.subList(0, 3).stream().flatMap(List::stream).map(TrainingSequence::tokens).toList();
    }

    /** The rollout engine sampled with the weights that the step began with: it says the same. */
    private static void shouldBeThoseOfTheStart(TrainingSequence sequence, boolean all) {
        float[] old = Objects.requireNonNull(sequence.oldLogprobs());
        float[] rollout = Objects.requireNonNull(sequence.rolloutLogprobs());
        for (int token = 0; token < old.length; token++) {
            if (all || sequence.lossWeight()[token] != 0) {
                assertThat(old[token]).isCloseTo(rollout[token], within(1e-4f));
            } else {
                assertThat(old[token]).as("dropped, so not computed").isNaN();
            }
        }
    }

    @Test
    void shouldDivideByWhatAMiniBatchHas() throws Exception {
        for (List<TrainingSequence> part : updates(everyRollout(1).updates(1, 4).build())) {
            double sum = 0;
            for (TrainingSequence one : part) {
                for (float weight : one.lossWeight()) {
                    sum += weight;
                }
            }
            assertThat(sum).as("a mean of means").isCloseTo(1, within(1e-5));
        }
    }

    @Test
    void shouldScoreForLaterUpdatesOnly() throws Exception {
        List<List<TrainingSequence>> once = updates(everyRollout(1).build());
        assertThat(once).singleElement()
            .satisfies(part -> assertThat(part)
                .allSatisfy(one -> assertThat(one.oldLogprobs()).isNull()));
        assertThat(last(Metric.UPDATES)).isEqualTo(1);
        assertThat(last(Metric.RATIO_MAX)).isEqualTo(1);
        assertThat(last(Metric.RATIO_MEAN)).isEqualTo(1);
    }

    @Test
    void shouldMakeFewerMiniBatchesOfFewRollouts() throws Exception {
        assertThat(updates(everyRollout(1).updates(1, 1000).build()).size()).isBetween(2, ShortRuns.ROLLOUTS);
        assertThat(last(Metric.UPDATES)).isBetween(2.0, (double) ShortRuns.ROLLOUTS);
    }

    @Test
    void shouldReportNoUpdateForASkippedStep() throws Exception {
        training(new WatchedEngines(sequences -> {}))
            .run(runs.reinforcement(ShortRuns.settings(1).minRange(1).updates(2, 2).build()), observer);
        assertThat(last(Metric.SKIPPED)).isEqualTo(1);
        assertThat(last(Metric.UPDATES)).isZero();
    }

    @Test
    void shouldSaveNothingOfAStepThatIsAbandonedBetweenItsUpdates() {
        ReinforcementSettings settings = ShortRuns.settings(4).updates(2, 2).build();
        AtomicInteger updates = new AtomicInteger();
        Engines ending = new WatchedEngines(sequences -> {
            if (updates.incrementAndGet() == 6) {
                throw new CancellationException("The server is stopping");
            }
        });
        assertThatThrownBy(() -> training(ending).run(runs.reinforcement(settings), observer))
            .isInstanceOf(TrainingStopped.class);
        assertThat(observer.series(Metric.UPDATES)).containsExactly(4.0);
        assertThat(Arrays.asList(1, 2)).allSatisfy(step -> assertThat(observer.checkpoint(step)).doesNotExist());
    }
}

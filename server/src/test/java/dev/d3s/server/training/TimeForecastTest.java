package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

import dev.d3s.server.policy.PolicySettings;

class TimeForecastTest {
    private static TrainingSettings settings(int steps, int evaluationInterval, CheckpointSettings checkpoints) {
        return new SupervisedSettings(steps, 8, 16, PolicySettings.DEFAULT, Runs.optimizer(1e-3, 1, 0),
                new EvaluationSettings(evaluationInterval, 16), checkpoints, null);
    }

    /** A run whose seconds are known from its beginning to its end. */
    private static final class KnownRun {
        final TrainingSettings settings;
        final double[] generation;
        final double[] update;
        final double[] evaluation;
        /** After the step's report. */
        final double[] checkpoint;

        KnownRun(TrainingSettings settings, IntToDoubleFunction generation, IntToDoubleFunction update,
                double evaluationSeconds, double checkpointSeconds) {
            int steps = settings.steps();
            CheckpointSchedule due = new CheckpointSchedule(settings.checkpoints(), steps, () -> 0);
            this.settings = settings;
            this.generation = IntStream.range(0, steps).mapToDouble(generation).toArray();
            this.update = IntStream.range(0, steps).mapToDouble(update).toArray();
            this.evaluation = IntStream.range(0, steps)
                .mapToDouble(step -> settings.evaluation().due(step, steps) ? evaluationSeconds : 0)
                .toArray();
            this.checkpoint = IntStream.range(0, steps)
                .mapToDouble(step -> due.due(step + 1) ? checkpointSeconds : 0)
                .toArray();
        }

        Map<String, Double> metrics(int step) {
            Map<String, Double> metrics = new LinkedHashMap<>();
            metrics.put(Metric.LOSS.key(), 1000.0);
            metrics.put(Metric.SECONDS_ROLLOUT.key(), 0.75 * generation[step]);
            metrics.put(Metric.SECONDS_REFRESH.key(), 0.25 * generation[step]);
            metrics.put(Metric.SECONDS_UPDATE.key(), update[step]);
            metrics.put(Metric.SECONDS_EVAL.key(), evaluation[step]);
            metrics.put(Metric.SECONDS_CHECKPOINT.key(), before(step));
            return metrics;
        }

        private double before(int step) {
            return step == 0 ? 0 : checkpoint[step - 1];
        }

        /** From the report before to the report of this step. */
        double elapsed(int step) {
            return before(step) + generation[step] + update[step] + evaluation[step];
        }

        /** From the report of the last of so many steps to the end. */
        double remaining(int completed) {
            double seconds = checkpoint[completed - 1];
            for (int step = completed; step < settings.steps(); step++) {
                seconds += generation[step] + update[step] + evaluation[step] + checkpoint[step];
            }
            return seconds;
        }

        double meanStep(int completed) {
            return IntStream.range(0, completed).mapToDouble(this::elapsed).sum() / completed;
        }
    }

    @Test
    void shouldKnowNothingBeforeTheFirstStep() {
        TimeForecast forecast = new TimeForecast(settings(10, 2, CheckpointSettings.every(5)), step -> 1);
        assertThat(forecast.remaining(0)).isNaN();
        forecast.observe(-1, Map.of(Metric.SECONDS_EVAL.key(), 3.0), 3);
        assertThat(forecast.remaining(0)).isNaN();
    }

    @Test
    void shouldBeExactWhereEveryStepTakesItsShare() {
        IntToDoubleFunction load = step -> 1 + 0.1 * step;
        KnownRun run = new KnownRun(settings(20, 3, CheckpointSettings.every(0)), step -> 2,
                step -> 5 * load.applyAsDouble(step), 4, 0);
        TimeForecast forecast = new TimeForecast(run.settings, load);
        forecast.observe(-1, Map.of(Metric.SECONDS_EVAL.key(), 4.0), 0);
        for (int step = 0; step < 20; step++) {
            forecast.observe(step, run.metrics(step), run.elapsed(step));
            assertThat(forecast.remaining(step + 1)).isCloseTo(run.remaining(step + 1), within(1e-9));
        }
    }

    /** The presets keep more as a run goes on, completions change their length, the first step warms up, and seconds vary. */
    @Test
    void shouldBeHonestWithinAQuarterAfterATenthOfTheWork() {
        for (int seed = 0; seed < 20; seed++) {
            Random random = new Random(seed);
            int steps = 40 + random.nextInt(400);
            double to = 0.25 + 0.75 * random.nextDouble();
            IntToDoubleFunction load = step -> 0.25 + (to - 0.25) * step / (steps - 1);
            double longer = random.nextDouble() - 0.5;
            double share = 0.3 + 2 * random.nextDouble();
            KnownRun run = new KnownRun(
                    settings(steps, 1 + random.nextInt(steps / 20), CheckpointSettings.every(1 + steps / 20)),
                    step -> (step == 0 ? 5 : 1) * (1 + longer * step / steps) * (0.8 + 0.4 * random.nextDouble()),
                    step -> share * load.applyAsDouble(step) * (0.8 + 0.4 * random.nextDouble()), 2, 0.5);
            TimeForecast forecast = new TimeForecast(run.settings, load);
            for (int step = 0; step < steps; step++) {
                forecast.observe(step, run.metrics(step), run.elapsed(step));
                int completed = step + 1;
                // the finish from now on, of the whole run's time
                double whole = run.remaining(1) + run.elapsed(0);
                if (completed >= steps / 10) {
                    assertThat(forecast.remaining(completed) - run.remaining(completed))
                        .as("seed %s, step %s of %s", seed, completed, steps)
                        .isCloseTo(0, within(0.25 * whole));
                }
                if (completed >= steps / 10 && completed <= steps * 9 / 10 && Math.abs(longer) < 0.25) {
                    assertThat(forecast.remaining(completed)).as("seed %s, step %s of %s", seed, completed, steps)
                        .isCloseTo(run.remaining(completed), Percentage.withPercentage(25));
                }
            }
        }
    }

    /** What a mean over the steps so far promises is not. */
    @Test
    void shouldExpectMoreOfStepsThatKeepMore() {
        IntToDoubleFunction load = step -> 0.1 + 0.9 * step / 99;
        KnownRun run = new KnownRun(settings(100, 0, CheckpointSettings.every(0)), step -> 1,
                step -> 10 * load.applyAsDouble(step), 0, 0);
        TimeForecast forecast = new TimeForecast(run.settings, load);
        for (int step = 0; step < 10; step++) {
            forecast.observe(step, run.metrics(step), run.elapsed(step));
        }
        assertThat(forecast.remaining(10)).isCloseTo(run.remaining(10), within(1e-9));
        assertThat(run.meanStep(10) * 90).isLessThan(0.5 * run.remaining(10));
    }

    @Test
    void shouldGoOnFromWhatEarlierRunsTook() {
        KnownRun run = new KnownRun(settings(30, 10, CheckpointSettings.every(0)), step -> 1, step -> 2, 4, 0);
        TimeForecast forecast = new TimeForecast(run.settings, step -> 1);
        forecast.remember(-1, Map.of(Metric.SECONDS_EVAL.key(), 4.0));
        for (int step = 0; step < 10; step++) {
            Map<String, Double> metrics = run.metrics(step);
            if (step == 9) {
                metrics.put(Metric.SECONDS_EVAL.key(), 0.0); // the run was stopped in it
            }
            forecast.remember(step, metrics);
        }
        assertThat(forecast.remaining(10)).isCloseTo(run.remaining(10), within(1e-9));
        forecast.observe(9, run.metrics(9), 4);
        assertThat(forecast.remaining(10)).isCloseTo(run.remaining(10), within(1e-9));
        forecast.observe(10, run.metrics(10), 100);
        assertThat(forecast.remaining(11)).as("the first step of a run is not what the others take")
            .isCloseTo(run.remaining(11), within(1e-9));
    }

    @Test
    void shouldCountWhatIsDue() {
        for (int total = 1; total <= 12; total++) {
            for (int interval = 0; interval <= 13; interval++) {
                EvaluationSettings evaluation = new EvaluationSettings(interval, 16);
                CheckpointSettings checkpoints = CheckpointSettings.every(interval);
                for (int completed = 0; completed <= total; completed++) {
                    int steps = total;
                    long due = IntStream.range(completed, total).filter(step -> evaluation.due(step, steps)).count();
                    assertThat(evaluation.dueAfter(completed, total)).isEqualTo((int) due);
                    assertThat(checkpoints.dueAfter(completed, total, 1e6)).isEqualTo((double) due);
                }
            }
        }
        CheckpointSettings timed = new CheckpointSettings(0, 2, 0, Metric.ACCURACY.key(), CheckpointSettings.Best.MAX);
        assertThat(timed.dueAfter(3, 10, 600)).isEqualTo(5);
        assertThat(timed.dueAfter(3, 10, 60)).isEqualTo(1);
    }
}

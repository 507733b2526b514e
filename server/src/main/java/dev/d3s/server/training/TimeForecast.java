package dev.d3s.server.training;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;

/**
 * How long a run still takes. What its steps took is known by phase (the {@code seconds_...} of {@link Metric}), and what those
 * to come will keep from their schedules: an update takes time for what it computes, so a run that keeps more as it goes on gets
 * slower, and a mean over its steps so far promises too much.
 *
 * <p>
 * A step to come generates for as long as the latest ones, because completions grow or shrink while the policy learns, and
 * updates for as long as the latest ones did per unit of load. Evaluations and checkpoints that are due come on top. On the
 * training thread.
 */
final class TimeForecast {
    /** Least number of latest steps that count, where there are as many; of a long run it is the latest quarter. */
    private static final int LATEST = 8;
    private static final int LATEST_RARE = 3;

    private final int totalSteps;
    private final EvaluationSettings evaluation;
    private final CheckpointSettings checkpoints;
    /** {@code [steps + 1]}: the load of all steps from here on. */
    private final double[] loadFrom;

    private final List<Step> steps = new ArrayList<>();
    private final Deque<Double> evaluations = new ArrayDeque<>();
    private final Deque<Double> written = new ArrayDeque<>();
    private int newest = -1;
    private boolean begun;

    /**
     * @param generation seconds of all but update, evaluation and checkpoint
     * @param update seconds
     * @param first of this run: it also warms up the machine
     */
    private record Step(double generation, double update, double load, boolean first) {}

    /**
     * @param load of each step's update, in any unit: what its time is proportional to
     */
    TimeForecast(TrainingSettings settings, IntToDoubleFunction load) {
        this.totalSteps = settings.steps();
        this.evaluation = settings.evaluation();
        this.checkpoints = settings.checkpoints();
        this.loadFrom = new double[totalSteps + 1];
        for (int step = totalSteps - 1; step >= 0; step--) {
            loadFrom[step] = loadFrom[step + 1] + load.applyAsDouble(step);
        }
    }

    /** A step of an earlier run, as it was stored. */
    void remember(int step, Map<String, Double> metrics) {
        double phases = 0;
        for (Metric metric : Metric.values()) {
            if (metric.isPhase()) {
                phases += metrics.getOrDefault(metric.key(), 0.0);
            }
        }
        add(step, metrics, phases, false);
    }

    /**
     * A step of this run.
     *
     * @param elapsed seconds since the report before, of which the metrics explain some
     */
    void observe(int step, Map<String, Double> metrics, double elapsed) {
        boolean trained = step > newest;
        add(step, metrics, elapsed, !begun);
        begun |= trained;
    }

    private void add(int step, Map<String, Double> metrics, double elapsed, boolean first) {
        double evaluated = metrics.getOrDefault(Metric.SECONDS_EVAL.key(), 0.0);
        double saved = metrics.getOrDefault(Metric.SECONDS_CHECKPOINT.key(), 0.0);
        double updated = metrics.getOrDefault(Metric.SECONDS_UPDATE.key(), 0.0);
        keep(evaluations, evaluated);
        if (step <= newest) {
            return; // only its evaluation is new: the run before was stopped in it
        }
        newest = step;
        keep(written, saved);
        steps.add(new Step(Math.max(0, elapsed - evaluated - saved - updated), updated,
                loadFrom[step] - loadFrom[step + 1], first));
    }

    private static void keep(Deque<Double> latest, double seconds) {
        if (seconds > 0) {
            latest.addLast(seconds);
            if (latest.size() > LATEST_RARE) {
                latest.removeFirst();
            }
        }
    }

    /**
     * Seconds from the end of a step to the end of the run; NaN as long as nothing is known.
     *
     * @param completedSteps of the run
     */
    double remaining(int completedSteps) {
        if (steps.isEmpty()) {
            return Double.NaN;
        }
        List<Step> latest = latest();
        double generation = latest.stream().mapToDouble(Step::generation).average().orElseThrow();
        double update = latest.stream().mapToDouble(Step::update).sum();
        double load = latest.stream().mapToDouble(Step::load).sum();
        double training = generation * (totalSteps - completedSteps)
                + (load > 0 ? update / load * loadFrom[completedSteps] : 0)
                + mean(evaluations) * evaluation.dueAfter(completedSteps, totalSteps);
        return training + mean(written) * checkpoints.dueAfter(completedSteps, totalSteps, training);
    }

    private List<Step> latest() {
        int count = Math.min(steps.size(), Math.max(LATEST, steps.size() / 4));
        List<Step> latest = steps.subList(steps.size() - count, steps.size());
        List<Step> warm = latest.stream().filter(step -> !step.first).toList();
        return warm.isEmpty() ? latest : warm;
    }

    private static double mean(Deque<Double> seconds) {
        return seconds.stream().mapToDouble(Double::doubleValue).average().orElse(0);
    }
}

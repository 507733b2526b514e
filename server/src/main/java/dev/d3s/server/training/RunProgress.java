package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.IntToDoubleFunction;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.TensorType;
import dev.d3s.server.policy.Adapter;
import dev.d3s.server.policy.PeftDirectory;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.selection.RecordedRollout;

/**
 * How far a run is, and its checkpoints. Lives on the training thread.
 *
 * <p>
 * A checkpoint is a Hugging Face model directory, in the format of the model the job started from, with a {@code trainer}
 * folder beside the weights: optimizer moments, {@link TrainingState}, and the fp32 weights where the model's are not. A run
 * that trains adapters has them merged into the model, and alone in an {@code adapter} folder.
 */
final class RunProgress {
    private static final String ADAPTER = "adapter";

    private final TrainingObserver observer;
    private final Policy policy;
    private final Path tokenizerSource;
    private final int totalSteps;
    private final EvaluationSettings evaluation;
    private final CheckpointSchedule schedule;
    private final TimeForecast forecast;
    private final @Nullable RefreshMode refreshMode;

    private int completedSteps;
    private int checkpointedSteps;
    private long trainedTokens;
    private long generatedTokens;
    private double checkpointSeconds;
    private long reportedAt;
    private boolean updating;
    private SelectorMemories memory;
    /** Totals after the last completed step: those of one that is abandoned count again when it is repeated. */
    private TrainingTotals completedTotals;
    private Map<String, Double> lastMetrics = Map.of();
    private @Nullable Map<String, Double> unevaluated;
    private @Nullable Pending pending;

    /** A step that has done all but its evaluation. */
    private record Pending(int step, StepMetrics metrics, PhaseClock clock, List<RecordedRollout> rollouts) {}

    /** @param load of each step's update, in any unit: what its time is proportional to */
    RunProgress(TrainingObserver observer, Policy policy, Path tokenizerSource, TrainingSettings settings,
            TrainingState start, @Nullable RefreshMode refreshMode, IntToDoubleFunction load) {
        this.observer = observer;
        this.policy = policy;
        this.tokenizerSource = tokenizerSource;
        this.totalSteps = settings.steps();
        this.evaluation = settings.evaluation();
        this.schedule = new CheckpointSchedule(settings.checkpoints(), settings.steps(), System::nanoTime);
        this.forecast = new TimeForecast(settings, load);
        this.refreshMode = refreshMode;
        this.completedSteps = start.completedSteps();
        this.checkpointedSteps = start.completedSteps();
        this.trainedTokens = start.trainedTokens();
        this.generatedTokens = start.generatedTokens();
        this.memory = start.memory();
        this.completedTotals = totals();
        this.unevaluated = start.unevaluated();
        if (completedSteps > 0) {
            observer.earlierSteps().forEach(forecast::remember);
        }
        this.reportedAt = System.nanoTime();
    }

    int completedSteps() {
        return completedSteps;
    }

    int totalSteps() {
        return totalSteps;
    }

    long trainedTokens() {
        return trainedTokens;
    }

    long generatedTokens() {
        return generatedTokens;
    }

    void generated(long tokens) {
        generatedTokens += tokens;
    }

    void trained(long tokens) {
        trainedTokens += tokens;
    }

    /** Ends the run when its observer asks for it, after saving what it has. */
    void stopIfRequested() throws TrainingStopped, IOException {
        if (observer.stopRequested()) {
            saveCompleted();
            throw new TrainingStopped();
        }
    }

    /**
     * Saves what the run has when a step was abandoned half way; its caller throws the result. A step whose evaluation was
     * abandoned is completed without it, and the run that goes on begins with that. Between the updates of a step there is
     * nothing consistent to save: the run goes back to its last checkpoint.
     */
    TrainingStopped stopped(CancellationException abandoned) throws IOException {
        Pending step = pending;
        if (step != null) {
            pending = null;
            unevaluated = reported(step.step, step.metrics.seconds(step.clock), step.rollouts);
        }
        if (updating) {
            return new TrainingStopped(abandoned, checkpointedSteps);
        }
        saveCompleted();
        return new TrainingStopped(abandoned);
    }

    /** From here on, until {@link #completed}, a stop keeps the step, and leaves its evaluation to the run that goes on. */
    void evaluating(int step, StepMetrics metrics, PhaseClock clock, List<RecordedRollout> rollouts) {
        pending = new Pending(step, metrics, clock, rollouts);
    }

    /**
     * Makes the evaluation that comes before the first step of the run: of the policy that nobody has trained, or the one in
     * which the run before this one was stopped, if it was.
     */
    void begin(Evaluation evaluation) throws IOException {
        Map<String, Double> known = unevaluated;
        if (known != null) {
            evaluateLast(evaluation, known);
        } else if (completedSteps == 0) {
            PhaseClock clock = new PhaseClock(observer, -1);
            StepMetrics metrics = new StepMetrics();
            evaluation.run(metrics);
            clock.charge(Metric.SECONDS_EVAL);
            Map<String, Double> values = metrics.seconds(clock).byKey();
            forecast.observe(-1, values, 0);
            observer.report(new StepReport(-1, totalSteps, values));
        }
        reportedAt = System.nanoTime();
    }

    private void evaluateLast(Evaluation evaluation, Map<String, Double> known) throws IOException {
        StepMetrics metrics = StepMetrics.of(known);
        PhaseClock clock = new PhaseClock();
        evaluation.run(metrics);
        clock.charge(Metric.SECONDS_EVAL);
        unevaluated = null;
        saveDue(reported(completedSteps - 1, metrics.set(Metric.SECONDS_EVAL, clock.of(Metric.SECONDS_EVAL)),
                List.of()));
    }

    /** The weights are now those of the step in progress: until it is completed there is nothing consistent to save. */
    void updated() {
        updating = true;
    }

    /**
     * What the selectors remember now that the step is over. A checkpoint has this and not what they remember when it is
     * written: a step that was selected and then abandoned is selected again.
     */
    void selected(SelectorMemories now) {
        memory = now;
    }

    private void saveCompleted() throws IOException {
        if (checkpointedSteps < completedSteps && !updating) {
            checkpoint(lastMetrics, true);
        }
    }

    /** Whether an evaluation belongs at the end of this step. */
    boolean evaluationDue(int step) {
        return evaluation.due(step, totalSteps);
    }

    /**
     * The step's update is done: reports it, then saves a checkpoint if one is due. In this order, so that every step in a
     * checkpoint has its metrics; the seconds of a checkpoint are therefore part of the next step's report.
     */
    void completed(int step, StepMetrics metrics, PhaseClock clock) throws IOException {
        completed(step, metrics, clock, List.of());
    }

    /** @param rollouts what is recorded of the step */
    void completed(int step, StepMetrics metrics, PhaseClock clock, List<RecordedRollout> rollouts)
            throws IOException {
        pending = null;
        saveDue(reported(step, metrics.seconds(clock), rollouts));
    }

    private Map<String, Double> reported(int step, StepMetrics metrics, List<RecordedRollout> rollouts) {
        completedSteps = step + 1;
        completedTotals = totals();
        updating = false;
        Map<String, Double> values = metrics.set(Metric.SECONDS_CHECKPOINT, checkpointSeconds).byKey();
        checkpointSeconds = 0;
        lastMetrics = values;
        long now = System.nanoTime();
        forecast.observe(step, values, (now - reportedAt) / 1e9);
        reportedAt = now;
        observer.report(new StepReport(step, totalSteps, values, rollouts, forecast.remaining(completedSteps)));
        return values;
    }

    private void saveDue(Map<String, Double> metrics) throws IOException {
        if (schedule.due(completedSteps)) {
            checkpoint(metrics, false);
        }
    }

    TrainingTotals totals() {
        return new TrainingTotals(trainedTokens, generatedTokens);
    }

    /** @param interim between those that are due */
    private void checkpoint(Map<String, Double> metrics, boolean interim) throws IOException {
        long started = System.nanoTime();
        TrainingState state = new TrainingState(completedSteps, completedTotals.trainedTokens(),
                completedTotals.generatedTokens(), refreshMode, memory, unevaluated);
        TrainingObserver.CheckpointContent content = directory -> {
            TensorType type = ModelDirectory.weightType(tokenizerSource);
            ModelDirectory.write(directory, policy.config(), policy.weights(), type, tokenizerSource);
            Adapter adapter = policy.adapter();
            if (adapter != null) {
                PeftDirectory.write(directory.resolve(ADAPTER), adapter, tokenizerSource);
            } else if (type != TensorType.F32) {
                // the model is rounded to its source's format; a run that goes on needs the bits it stopped with
                ModelDirectory.writeWeights(TrainingState.trainerDirectory(directory), policy.config(),
                        policy.weights(), TensorType.F32);
            }
            policy.saveOptimizer(TrainingState.trainerDirectory(directory));
            state.write(directory);
        };
        if (interim) {
            observer.interim(completedSteps, metrics, content);
        } else {
            observer.checkpoint(completedSteps, metrics, content);
        }
        checkpointedSteps = completedSteps;
        schedule.written();
        checkpointSeconds += (System.nanoTime() - started) / 1e9;
    }
}

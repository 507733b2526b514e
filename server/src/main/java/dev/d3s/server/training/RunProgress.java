package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;

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
    private final int checkpointInterval;
    private final @Nullable RefreshMode refreshMode;

    private int completedSteps;
    private int checkpointedSteps;
    private long trainedTokens;
    private long generatedTokens;
    private double checkpointSeconds;
    private boolean updating;
    private SelectorMemories memory;

    RunProgress(TrainingObserver observer, Policy policy, Path tokenizerSource, TrainingSettings settings,
            TrainingState start, @Nullable RefreshMode refreshMode) {
        this.observer = observer;
        this.policy = policy;
        this.tokenizerSource = tokenizerSource;
        this.totalSteps = settings.steps();
        this.checkpointInterval = settings.checkpointInterval();
        this.refreshMode = refreshMode;
        this.completedSteps = start.completedSteps();
        this.checkpointedSteps = start.completedSteps();
        this.trainedTokens = start.trainedTokens();
        this.generatedTokens = start.generatedTokens();
        this.memory = start.memory();
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

    /** Saves what the run has when a step was abandoned half way; its caller throws the result. */
    TrainingStopped stopped(CancellationException abandoned) throws IOException {
        saveCompleted();
        return new TrainingStopped(abandoned);
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
            checkpoint(Map.of());
        }
    }

    /** Whether an evaluation belongs at the end of this step. */
    boolean evaluationDue(int step, EvaluationSettings evaluation) {
        return step == totalSteps - 1 || (evaluation.interval() > 0 && (step + 1) % evaluation.interval() == 0);
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
        completedSteps = step + 1;
        updating = false;
        Map<String, Double> values = metrics.seconds(clock).set(Metric.SECONDS_CHECKPOINT, checkpointSeconds).byKey();
        checkpointSeconds = 0;
        observer.report(new StepReport(step, totalSteps, values, rollouts));
        boolean due = checkpointInterval > 0 && completedSteps % checkpointInterval == 0;
        if (due || completedSteps == totalSteps) {
            checkpoint(values);
        }
    }

    TrainingTotals totals() {
        return new TrainingTotals(trainedTokens, generatedTokens);
    }

    private void checkpoint(Map<String, Double> metrics) throws IOException {
        long started = System.nanoTime();
        TrainingState state = new TrainingState(completedSteps, trainedTokens, generatedTokens, refreshMode, memory);
        observer.checkpoint(completedSteps, metrics, directory -> {
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
        });
        checkpointedSteps = completedSteps;
        checkpointSeconds += (System.nanoTime() - started) / 1e9;
    }
}

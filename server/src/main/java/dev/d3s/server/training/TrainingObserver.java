package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.rollout.RefreshMode;

/** Hears how a training run goes. Called on the training thread. An exception from it ends the run. */
public interface TrainingObserver {
    /**
     * Asked between micro-steps, also on engines' threads; true ends the run with {@link TrainingStopped}, after a checkpoint
     * of the completed steps.
     */
    boolean stopRequested();

    /** One line for the job's event log. */
    void message(String text);

    /**
     * All metrics of a finished step, see {@link Metric}, and its rollouts where it is recorded. Step -1 is the evaluation
     * before training.
     */
    void report(StepReport report);

    /** A checkpoint is due: give it a directory, and make it durable when {@code content} has been written. */
    void checkpoint(int completedSteps, Map<String, Double> metrics, CheckpointContent content) throws IOException;

    /**
     * A checkpoint that is written because the run is to stop, between those that are due: the next one makes it worthless.
     */
    default void interim(int completedSteps, Map<String, Double> metrics, CheckpointContent content)
            throws IOException {
        checkpoint(completedSteps, metrics, content);
    }

    /**
     * How the job's rollout engine takes over weights, where an earlier run has chosen; {@code null} to choose. A run that begins
     * anew, before there was a checkpoint, must do what that one did: the modes differ in the last bits.
     */
    default @Nullable RefreshMode refreshMode() {
        return null;
    }

    /** This run has opened its rollout engine, which takes over weights like this. */
    default void refreshes(RefreshMode mode) {}

    /** Names under which clients may sample from the policy while it is trained, its model id first; none to refuse. */
    default List<String> policyNames() {
        return List.of();
    }

    /**
     * A phase of a step has ended: for those who measure.
     *
     * @param step from 0; -1 for the evaluation before training
     * @param phase one of the {@code seconds_...}
     * @param started as {@link System#nanoTime} tells it
     * @param ended likewise
     */
    default void phase(int step, Metric phase, long started, long ended) {}

    /**
     * Metrics of the steps that earlier runs of the job have done, by step: what they took is a measure of those to come.
     * Asked once, by a run that goes on.
     */
    default SortedMap<Integer, Map<String, Double>> earlierSteps() {
        return Collections.emptySortedMap();
    }

    /** Whose run it is, for those who measure: {@code job} and {@code organization}, where there are some. */
    default Map<String, String> context() {
        return Map.of();
    }

    /** Where the newest checkpoint of the job lies, which answers clients of the policy when the run is over. */
    default @Nullable Path newestCheckpoint() {
        return null;
    }

    /** Writes a checkpoint's files. */
    @FunctionalInterface
    interface CheckpointContent {
        void writeTo(Path directory) throws IOException;
    }
}

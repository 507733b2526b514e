package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Hears how a training run goes. Called on the training thread. An exception from it ends the run. */
public interface TrainingObserver {
    /** Asked between phases; true ends the run with {@link TrainingStopped} after a checkpoint. */
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

    /** Names under which clients may sample from the policy while it is trained, its model id first; none to refuse. */
    default List<String> policyNames() {
        return List.of();
    }

    /** Writes a checkpoint's files. */
    @FunctionalInterface
    interface CheckpointContent {
        void writeTo(Path directory) throws IOException;
    }
}

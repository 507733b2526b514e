package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

/** Keeps what a run reports, and its checkpoints in a directory. */
final class RecordingObserver implements TrainingObserver {
    final List<StepReport> reports = new ArrayList<>();
    final List<String> messages = new ArrayList<>();
    private final Path directory;
    private List<String> policyNames = List.of();
    private Runnable beforeSteps = () -> {};
    private @Nullable Path newest;
    private boolean handsOver;
    private int stopAfter = Integer.MAX_VALUE;
    private BooleanSupplier stopWhen = () -> false;

    RecordingObserver(Path directory) {
        this.directory = directory;
    }

    /** Lets clients sample from the policy under these names. */
    RecordingObserver named(String... names) {
        policyNames = List.of(names);
        return this;
    }

    /** Does this once, when the evaluation before training is reported. */
    RecordingObserver beforeSteps(Runnable action) {
        beforeSteps = action;
        return this;
    }

    @Override
    public List<String> policyNames() {
        return policyNames;
    }

    /** Asks to stop once this many steps are reported. */
    RecordingObserver stopAfter(int steps) {
        stopAfter = steps;
        return this;
    }

    /** Asks to stop once this is true. */
    RecordingObserver stopWhen(BooleanSupplier condition) {
        stopWhen = condition;
        return this;
    }

    @Override
    public boolean stopRequested() {
        return stopWhen.getAsBoolean() || reports.stream().filter(report -> report.step() >= 0).count() >= stopAfter;
    }

    @Override
    public void message(String text) {
        messages.add(text);
    }

    @Override
    public void report(StepReport report) {
        if (report.step() == -1) {
            beforeSteps.run();
        }
        reports.add(report);
    }

    @Override
    public void checkpoint(int completedSteps, Map<String, Double> metrics, CheckpointContent content)
            throws IOException {
        content.writeTo(Files.createDirectories(checkpoint(completedSteps)));
        newest = checkpoint(completedSteps);
    }

    @Override
    public @Nullable Path newestCheckpoint() {
        return handsOver ? newest : null;
    }

    /** Sends the policy's clients to the newest checkpoint when the run is over. */
    RecordingObserver handingOver() {
        handsOver = true;
        return this;
    }

    Path checkpoint(int completedSteps) {
        return directory.resolve("step-" + completedSteps);
    }

    /** A metric of every step that has it, the evaluation before training included. */
    List<Double> series(Metric metric) {
        return reports.stream().map(report -> report.metrics().get(metric.key())).filter(Objects::nonNull).toList();
    }
}

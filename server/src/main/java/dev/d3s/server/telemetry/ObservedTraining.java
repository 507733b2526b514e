package dev.d3s.server.telemetry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.training.Metric;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.Training;
import dev.d3s.server.training.TrainingObserver;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingStopped;
import dev.d3s.server.training.TrainingTotals;

/**
 * Lets listeners hear of every run of another {@link Training}, which knows nothing of them: it stands between the run and its
 * observer. A listener that fails is logged, once per run, and costs the run nothing.
 */
public final class ObservedTraining implements Training {
    private static final Logger LOG = Logger.getLogger(ObservedTraining.class);

    private final Training training;
    private final List<? extends Listeners> listeners;

    /** Makes a listener for a run; {@code null} to leave it alone. */
    @FunctionalInterface
    interface Listeners {
        @Nullable
        RunListener started(TrainingRequest request, Map<String, String> context);
    }

    private ObservedTraining(Training training, List<? extends Listeners> listeners) {
        this.training = training;
        this.listeners = listeners;
    }

    /** With metrics and traces. */
    public static Training of(Training training, RunMetrics metrics, RunTraces traces) {
        return new ObservedTraining(training, List.of(metrics, traces));
    }

    static Training of(Training training, Listeners... listeners) {
        return new ObservedTraining(training, List.of(listeners));
    }

    @Override
    public TrainingTotals run(TrainingRequest request, TrainingObserver observer) throws TrainingStopped, IOException {
        List<RunListener> present = new ArrayList<>();
        for (Listeners each : listeners) {
            try {
                RunListener listener = each.started(request, observer.context());
                if (listener != null) {
                    present.add(listener);
                }
            } catch (RuntimeException e) {
                LOG.warnf(e, "A run is not measured.");
            }
        }
        Told told = new Told(observer, present);
        Throwable failure = null;
        try {
            return training.run(request, told);
        } catch (TrainingStopped e) {
            throw e;
        } catch (Throwable e) { // looked at on its way
            failure = e;
            throw e;
        } finally {
            Throwable why = failure;
            told.tell(listener -> listener.ended(why));
        }
    }

    /** Passes everything on. */
    private static final class Told implements TrainingObserver {
        private final TrainingObserver observer;
        private final List<RunListener> listeners;
        private boolean warned;

        Told(TrainingObserver observer, List<RunListener> listeners) {
            this.observer = observer;
            this.listeners = listeners;
        }

        void tell(Consumer<RunListener> what) {
            for (RunListener listener : listeners) {
                try {
                    what.accept(listener);
                } catch (RuntimeException e) {
                    if (!warned) {
                        LOG.warnf(e, "Something of a run is not measured.");
                    }
                    warned = true;
                }
            }
        }

        @Override
        public boolean stopRequested() {
            return observer.stopRequested();
        }

        @Override
        public void message(String text) {
            observer.message(text);
        }

        @Override
        public List<String> policyNames() {
            return observer.policyNames();
        }

        @Override
        public Map<String, String> context() {
            return observer.context();
        }

        @Override
        public SortedMap<Integer, Map<String, Double>> earlierSteps() {
            return observer.earlierSteps();
        }

        @Override
        public @Nullable RefreshMode refreshMode() {
            return observer.refreshMode();
        }

        @Override
        public @Nullable Path newestCheckpoint() {
            return observer.newestCheckpoint();
        }

        @Override
        public void refreshes(RefreshMode mode) {
            observer.refreshes(mode);
        }

        @Override
        public void phase(int step, Metric phase, long started, long ended) {
            observer.phase(step, phase, started, ended);
            tell(listener -> listener.phase(step, phase, started, ended));
        }

        @Override
        public void report(StepReport report) {
            observer.report(report);
            tell(listener -> listener.report(report));
        }

        @Override
        public void checkpoint(int completedSteps, Map<String, Double> metrics, CheckpointContent content)
                throws IOException {
            measured(completedSteps, content, measured -> observer.checkpoint(completedSteps, metrics, measured));
        }

        @Override
        public void interim(int completedSteps, Map<String, Double> metrics, CheckpointContent content)
                throws IOException {
            measured(completedSteps, content, measured -> observer.interim(completedSteps, metrics, measured));
        }

        private void measured(int completedSteps, CheckpointContent content, Checkpointing checkpointing)
                throws IOException {
            long started = System.nanoTime();
            AtomicLong bytes = new AtomicLong();
            checkpointing.with(directory -> {
                content.writeTo(directory);
                bytes.set(size(directory));
            });
            long ended = System.nanoTime();
            tell(listener -> listener.checkpoint(completedSteps, bytes.get(), started, ended));
        }

        private interface Checkpointing {
            void with(CheckpointContent content) throws IOException;
        }

        private static long size(Path directory) {
            try (Stream<Path> files = Files.walk(directory)) {
                return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
            } catch (IOException | UncheckedIOException e) {
                return 0; // a figure is not worth a checkpoint
            }
        }
    }
}

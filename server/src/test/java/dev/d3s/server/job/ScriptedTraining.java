package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.server.training.Metric;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.Training;
import dev.d3s.server.training.TrainingObserver;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingStopped;
import dev.d3s.server.training.TrainingTotals;

/**
 * A training loop without engines: it keeps the contract of {@link Training} and {@link TrainingObserver}, and a test decides
 * when a step may go on ({@link #hold}) and how it goes wrong ({@link #failAt}).
 */
@Alternative
@Singleton
public class ScriptedTraining implements Training {
    /** Something that goes wrong, or goes on, in a step. */
    @FunctionalInterface
    public interface Fault {
        void occur() throws IOException, TrainingStopped;
    }

    public final ConcurrentLinkedQueue<TrainingRequest> requests = new ConcurrentLinkedQueue<>();
    private volatile @Nullable Semaphore gate;
    private volatile boolean deaf;
    private volatile int faultStep = -1;
    private volatile Fault fault = () -> {};
    private volatile CountDownLatch held = new CountDownLatch(1);

    /** Stops every run before each step until {@link #allow} lets it go on, or its observer wants it to end. */
    public void hold() {
        held = new CountDownLatch(1);
        gate = new Semaphore(0);
    }

    /** The same for a process that does not even hear that it should end: one that is stopped, or as good as dead. */
    public void freeze() {
        deaf = true;
        if (gate == null) {
            hold();
        }
    }

    public void allow(int steps) {
        Semaphore now = gate;
        if (now != null) {
            now.release(steps);
        }
    }

    /** Waits until a run stands at the gate. */
    public void awaitHeld() throws InterruptedException {
        if (!held.await(20, TimeUnit.SECONDS)) {
            throw new AssertionError("No run came to the gate.");
        }
    }

    public void letGo() {
        Semaphore now = gate;
        gate = null;
        if (now != null) {
            now.release(1_000_000);
        }
    }

    public void failAt(int step, Fault how) {
        faultStep = step;
        fault = how;
    }

    public void reset() {
        letGo();
        faultStep = -1;
        requests.clear();
    }

    @Override
    public TrainingTotals run(TrainingRequest request, TrainingObserver observer) throws TrainingStopped, IOException {
        requests.add(request);
        int total = request.settings().steps();
        int step = 0;
        Path resumeFrom = request.resumeFrom();
        if (resumeFrom != null) {
            step = Integer.parseInt(Files.readString(resumeFrom.resolve("state.txt")));
        } else {
            observer.report(new StepReport(-1, total, Map.of(Metric.ACCURACY.key(), 0.25)));
        }
        for (; step < total; step++) {
            boolean deafened = waitAtGate(observer);
            if (!deafened && observer.stopRequested()) {
                checkpoint(request, observer, step);
                throw new TrainingStopped();
            }
            if (step == faultStep) {
                fault.occur();
            }
            observer.report(new StepReport(step, total, metrics(step), step % 2 == 0 ? rollouts(step) : List.of(),
                    remaining(step + 1, total)));
            int interval = request.settings().checkpoints().interval();
            if (interval > 0 && (step + 1) % interval == 0 && step + 1 < total) {
                checkpoint(request, observer, step + 1);
            }
        }
        checkpoint(request, observer, total);
        return new TrainingTotals(total * 10L, total * 40L);
    }

    /** @return whether it did not hear anything at the end */
    private boolean waitAtGate(TrainingObserver observer) {
        Semaphore now = gate;
        held.countDown();
        try {
            while (now != null && (deaf || !observer.stopRequested()) && !now.tryAcquire(5, TimeUnit.MILLISECONDS)) {
                // asks again
            }
            boolean deafened = deaf;
            deaf = false;
            return deafened;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Seconds that it says it still takes. */
    static long remaining(int completed, int total) {
        return 3600L * (total - completed);
    }

    private static Map<String, Double> metrics(int step) {
        Map<String, Double> metrics = new LinkedHashMap<>();
        metrics.put(Metric.REWARD_MEAN.key(), 0.1 * step);
        metrics.put(Metric.TRAINED_TOKENS.key(), 10.0 * (step + 1));
        return metrics;
    }

    /** Two groups of two; what the policy wrote could be taken for markup. */
    static List<RecordedRollout> rollouts(int step) {
        List<RecordedRollout> rollouts = new ArrayList<>();
        for (int rollout = 0; rollout < 4; rollout++) {
            boolean kept = rollout % 2 == 0;
            rollouts.add(new RecordedRollout(rollout / 2, rollout % 2, "step " + step + " 'a' & \"b\" =",
                    "<script>alert(1)</script>\u20ac", kept ? 0.5 : null, kept ? null : "<b>no</b> reward",
                    kept ? -1.5 : 0, kept ? -1.25 : null, kept, "length", 3, true,
                    List.of(new RecordedRollout.Token(7, "<script>alert(1)</script>", -0.25f, 1.5f, kept,
                            kept ? 2.5f : 0), new RecordedRollout.Token(8, "", -1e-7f, 0.1f, false, 0),
                            new RecordedRollout.Token(9, "\u20ac", -3, 1e-9f, false, 0))));
        }
        return rollouts;
    }

    private static void checkpoint(TrainingRequest request, TrainingObserver observer, int completed)
            throws IOException {
        observer.checkpoint(completed, metrics(completed - 1), directory -> {
            for (String name : new String[]{"config.json", "tokenizer.json"}) {
                Files.copy(request.model().resolve(name), directory.resolve(name));
            }
            Files.writeString(directory.resolve("state.txt"), Integer.toString(completed));
        });
    }
}

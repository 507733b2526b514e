package dev.d3s.server.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.evaluation.EvaluatedRow;
import dev.d3s.server.evaluation.EvaluationObserver;
import dev.d3s.server.evaluation.EvaluationPlan;
import dev.d3s.server.evaluation.ModelEvaluation;

/**
 * Evaluations without engines: two rows at a time, of which a row's greedy completion is right when its index is even and
 * sampled completion i when i is 0. A test decides when it may go on after its first rows, and how it goes wrong.
 */
@Alternative
@Singleton
public class ScriptedEvaluation implements ModelEvaluation {
    /** A plan and the row it was begun at. */
    public record Call(EvaluationPlan plan, int firstRow) {}

    public final ConcurrentLinkedQueue<Call> calls = new ConcurrentLinkedQueue<>();
    private volatile boolean held;
    private volatile @Nullable RuntimeException failure;
    private volatile boolean ungraded;
    private volatile CountDownLatch standing = new CountDownLatch(1);

    /** Stops every run after its first rows, until it is let go or cancelled. */
    public void hold() {
        standing = new CountDownLatch(1);
        held = true;
    }

    /** Waits until a run stands. */
    public void awaitHeld() throws InterruptedException {
        if (!standing.await(20, TimeUnit.SECONDS)) {
            throw new AssertionError("No run came there.");
        }
    }

    public void letGo() {
        held = false;
    }

    public void failAfterFirstRows(RuntimeException how) {
        failure = how;
    }

    public void gradeNothing() {
        ungraded = true;
    }

    public void reset() {
        letGo();
        failure = null;
        ungraded = false;
        calls.clear();
    }

    @Override
    public void run(EvaluationPlan plan, int firstRow, EvaluationObserver observer) {
        calls.add(new Call(plan, firstRow));
        int end = Math.min(plan.rows(), 5);
        for (int row = firstRow; row < end; row += 2) {
            List<EvaluatedRow> rows = new ArrayList<>();
            for (int index = row; index < Math.min(end, row + 2); index++) {
                rows.add(row(plan, index));
            }
            observer.rows(rows);
            if (row == 0) {
                standing.countDown();
                while (held && !observer.stopRequested()) {
                    Thread.onSpinWait();
                }
                RuntimeException fault = failure;
                if (fault != null) {
                    throw fault;
                }
            }
            if (observer.stopRequested()) {
                throw new CancellationException();
            }
        }
    }

    private EvaluatedRow row(EvaluationPlan plan, int index) {
        List<EvaluatedRow.Completion> completions = new ArrayList<>();
        if (plan.greedy()) {
            completions.add(completion(true, index % 2 == 0));
        }
        for (int sample = 0; sample < plan.sampled().n(); sample++) {
            completions.add(completion(false, sample == 0));
        }
        return new EvaluatedRow(index, index + 1, index + "+1=", 4,
                Map.of("prompt", index + "+1=", "answer", (long) index, "nested", Map.of("list", List.of(1L, "x"))),
                completions);
    }

    private EvaluatedRow.Completion completion(boolean greedy, boolean right) {
        return ungraded
                ? new EvaluatedRow.Completion(greedy, "?", 3, true, Double.NaN, "no licence", Map.of())
                : new EvaluatedRow.Completion(greedy, right ? "right" : "wr\u00f6ng", 3, !right, right ? 1 : 0, null,
                        Map.of("format", right ? 1.0 : 0.5));
    }
}

package dev.d3s.server.evaluation;

import java.io.IOException;

/** Evaluates models on demand. */
public interface ModelEvaluation {
    /**
     * Evaluates the rows from {@code firstRow} on. Deterministic: what comes of a row is a function of the plan.
     *
     * @param firstRow 0, or the number of rows that an observer of the same plan has got
     * @throws java.util.concurrent.CancellationException when the observer wanted no more
     * @throws dev.d3s.spi.D3sException with a message a person can act on
     */
    void run(EvaluationPlan plan, int firstRow, EvaluationObserver observer) throws IOException;
}

package dev.d3s.server.evaluation;

import java.util.List;

/** Hears how an evaluation goes. {@link #rows} on the evaluation's thread; {@link #stopRequested} on any. */
public interface EvaluationObserver {
    /** Asked all the time; true ends the evaluation with a {@link java.util.concurrent.CancellationException}. */
    boolean stopRequested();

    /**
     * Some rows are done. They come in order and without gaps; an evaluation that begins after the last of them comes to the
     * same rows as one that began before them.
     */
    void rows(List<EvaluatedRow> rows);
}

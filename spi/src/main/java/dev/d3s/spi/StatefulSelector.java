package dev.d3s.spi;

/**
 * Implemented, besides {@link RolloutSelector} or {@link TokenSelector}, by a selector that remembers something from one step
 * to the next. Its state is part of the job's checkpoints, so that a resumed job selects as one that was never interrupted.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>{@link #saveState} is called after each step that ran to its end, never during {@code select}.</li>
 * <li>{@link #restoreState} is called at most once, before the first {@code select}, with bytes that {@link #saveState}
 * returned to a job with the same plugin and configuration, possibly from an earlier version of the plugin. When the step
 * that was interrupted had been selected already, it is selected again from the state before it.</li>
 * <li>All calls of one selector come one after the other, though not always on the same thread; what one call wrote, the
 * next one sees.</li>
 * <li>The server checks the answer: not null, at most {@value #MAXIMUM_BYTES} bytes.</li>
 * </ol>
 *
 * <p>
 * A stateful selector is a pure function of its arguments and its state: restored from what it saved, it answers as the one
 * that saved it.
 */
public interface StatefulSelector {
    /** Most bytes of a state: it is written at every step. */
    int MAXIMUM_BYTES = 1 << 20;

    /** @return the state, complete, in a form that a later version of the plugin can read */
    byte[] saveState();

    /**
     * @param state what {@link #saveState} returned
     * @throws D3sException when it cannot be read; the job then fails instead of selecting differently
     */
    void restoreState(byte[] state);
}

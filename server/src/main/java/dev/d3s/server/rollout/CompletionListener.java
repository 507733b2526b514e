package dev.d3s.server.rollout;

/**
 * Hears of text as it is generated. Called on the thread that asked for the completions, which may take its time: nobody
 * else waits for it.
 */
public interface CompletionListener {
    /** Hears nothing. */
    CompletionListener NONE = new CompletionListener() {
    };

    /** A prompt fits and is in its slot; called once per prompt, before any of its choices is heard of. */
    default void accepted(int prompt, CompletionResult.Prompt accepted) {}

    /**
     * Some text was completed; it never ends inside a character, nor with the beginning of a stop text.
     *
     * @param choice index into the result's choices
     * @param piece with the tokens since this choice's last call
     */
    default void text(int choice, CompletionResult.Piece piece) {}

    /** A choice is complete; the last call for it. */
    default void finished(int choice, FinishReason reason) {}

    /** Asked now and then, also on other threads; true abandons the call with a {@link java.util.concurrent.CancellationException}. */
    default boolean cancelled() {
        return false;
    }
}

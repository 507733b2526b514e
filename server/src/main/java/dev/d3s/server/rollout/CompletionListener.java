package dev.d3s.server.rollout;

import java.util.List;

/**
 * Hears of text as it is generated. Called on engine threads: one call at a time for each choice, several choices possibly
 * at once.
 */
public interface CompletionListener {
    /** Hears nothing. */
    CompletionListener NONE = new CompletionListener() {
    };

    /**
     * Some text was completed; it never ends inside a character, nor with the beginning of a stop text.
     *
     * @param choice index into the result's choices
     * @param tokens ids that were generated since this choice's last call
     * @param pieces what each of them adds to the text
     * @param logprobs of each of them
     */
    default void text(int choice, String text, int[] tokens, List<String> pieces, float[] logprobs) {}

    /** A prompt fits and its first token is there; called once per prompt, before any of its choices is heard of. */
    default void accepted(int prompt, int[] tokens, String text) {}

    /** A choice is complete; the last call for it. */
    default void finished(int choice, FinishReason reason) {}

    /** Asked between decode steps; true abandons the call with a {@link java.util.concurrent.CancellationException}. */
    default boolean cancelled() {
        return false;
    }
}

package dev.d3s.server.rollout;

import org.jspecify.annotations.Nullable;

/**
 * Hears of one request. Called on engine threads, possibly several at once, but in order for each completion; it returns
 * quickly, because everybody's completions wait for it.
 */
public interface ServingListener {
    /**
     * A prompt is in its slot; called before any token of it, where prompts are scored.
     *
     * @param logprobs {@code [T - 1]} of all its tokens but the first
     * @param top {@code [T - 1]} the likeliest tokens in their places, {@code null} unless they are wanted
     */
    default void scored(int prompt, float[] logprobs, @Nullable TopTokens[] top) {}

    /**
     * A token was generated.
     *
     * @param top the likeliest tokens in its place, when they are wanted
     * @return false to end this completion here; the token stays part of it
     */
    default boolean token(int prompt, int completion, int token, float logprob, @Nullable TopTokens top) {
        return true;
    }

    /** The weights that the tokens from here on come from; heard of once unless they change meanwhile. */
    default void version(long version) {}

    /** A completion is complete. */
    default void finished(int prompt, int completion, Completion whole) {}

    /**
     * The last call: all completions are there, or why they are not.
     *
     * @param failure {@code null}, an error, or a {@link java.util.concurrent.CancellationException}
     */
    void ended(@Nullable Throwable failure);

    /** Asked between decode steps; true abandons the request and frees its slots. */
    default boolean cancelled() {
        return false;
    }
}

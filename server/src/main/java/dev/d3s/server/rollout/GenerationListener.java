package dev.d3s.server.rollout;

/** Hears of tokens and finished groups while generation goes on. Called on engine threads, possibly several at once. */
public interface GenerationListener {
    /** Hears nothing. */
    GenerationListener NONE = new GenerationListener() {
    };

    /**
     * A token was generated.
     *
     * @param request index of the request
     * @param completion index within its group
     * @return false to end this completion here; the token stays part of it
     */
    default boolean token(int request, int completion, int token, float logprob) {
        return true;
    }

    /** All completions of a request are there: grading may begin while others still generate. */
    default void finished(int request, CompletionGroup group) {}

    /** Asked between decode steps; true abandons the whole call with a {@link java.util.concurrent.CancellationException}. */
    default boolean cancelled() {
        return false;
    }
}

package dev.d3s.server.rollout;

/** Completions by any model, outside any training loop. Callable from any thread, which waits for them. */
@FunctionalInterface
public interface Completions {
    /**
     * Completes prompts.
     *
     * @throws dev.d3s.spi.D3sException before the listener heard anything: the model cannot be opened, a prompt does not fit,
     *             too much waits already; or later, when the engine fails
     * @throws java.util.concurrent.CancellationException when the listener wanted no more
     */
    CompletionResult complete(CompletionRequest request, CompletionListener listener);
}

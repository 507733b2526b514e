package dev.d3s.server.rollout;

/**
 * Generates completions for many clients at once: each request joins the others in the engine's slots at the next decode
 * step and leaves when it is done. Requests take turns at free slots, completion by completion, and within a request
 * completions begin in order. Each completion is a function of (weights, prompt, sampling, identity), whatever the others
 * do. Thread-safe; whoever opened it closes it, before the weights' owner.
 */
public interface ServingEngine extends AutoCloseable {
    /** The code of the error that ends requests when the engine is closed. */
    String MODEL_CLOSED = "model_closed";

    /**
     * Begins a request and returns at once; the listener hears of the rest.
     *
     * @throws dev.d3s.spi.D3sException when a prompt does not fit, or too many completions wait already
     */
    void submit(ServingRequest request, ServingListener listener);

    /** Whether it takes requests: false once it failed or was closed. */
    boolean usable();

    /** Ends all requests with an error. */
    @Override
    void close();
}

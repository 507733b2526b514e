package dev.d3s.server.rollout;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

import dev.d3s.server.model.TokenScores;

/**
 * Generates completions with the weights it was given, which are the trainer's own memory.
 *
 * <p>
 * Phases never overlap: no {@link #generate} while the policy is being updated, and one {@link #refresh} between the two.
 * Calls come from one thread at a time; the engine uses its own worker threads. Whoever opened it closes it, before the
 * weights' owner is closed.
 */
public interface RolloutEngine extends AutoCloseable {
    /**
     * Generates all completions of all requests. Deterministic: each completion is a function of (weights, prompt,
     * sampling, identity), whatever the batching.
     *
     * @return one group per request, in request order
     * @throws dev.d3s.spi.D3sException when a prompt leaves no room in the context
     */
    List<CompletionGroup> generate(List<GenerationRequest> requests, SamplingSettings sampling,
            GenerationListener listener);

    /**
     * Log-probability and entropy of given completion tokens, without sampling.
     *
     * @param tokens prompt and completion
     * @param promptLength where the completion begins, at least 1
     * @param temperature divides the logits; positive
     * @return scores of the completion tokens
     */
    TokenScores score(int[] tokens, int promptLength, double temperature);

    /** Takes over the weights' present values. Called after each policy update. */
    void refresh();

    /**
     * From now on, clients get turns during {@link #generate} calls, of at most the limits' share of their time. They change
     * nothing about what those calls give. Their tokens come from the weights of the call in which they are drawn; what is
     * not done when a call ends goes on in the next one.
     *
     * @param version of the present weights
     * @return where clients send their requests; closed with this engine at the latest
     */
    ServingEngine serve(ServingLimits limits, LongSupplier version);

    /**
     * Lets the clients who are there come to their end with the present weights, with all workers, since no call of
     * {@link #generate} follows.
     *
     * @param enough asked often; true leaves the rest undone
     */
    default void finishServing(BooleanSupplier enough) {}

    /** How weights are taken over and why: for the log and for a job's state, so that a resumed job does the same. */
    RefreshMode refreshMode();

    @Override
    void close();
}

package dev.d3s.server.rollout.onnx;

import java.util.Arrays;

import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.FinishReason;

/** One completion while it grows. Belongs to one worker at a time. */
final class CompletionBuilder {
    private final long identity;
    private final int limit;
    private int[] tokens;
    private float[] logprobs;
    private float[] entropies;
    private int length;

    /** @param limit most tokens it can get, at least 1 */
    CompletionBuilder(long identity, int limit) {
        this.identity = identity;
        this.limit = limit;
        int capacity = Math.min(limit, 64);
        tokens = new int[capacity];
        logprobs = new float[capacity];
        entropies = new float[capacity];
    }

    long identity() {
        return identity;
    }

    int length() {
        return length;
    }

    boolean atLimit() {
        return length >= limit;
    }

    void add(int token, float logprob, float entropy) {
        if (length == tokens.length) {
            int capacity = Math.min(limit, length * 2);
            tokens = Arrays.copyOf(tokens, capacity);
            logprobs = Arrays.copyOf(logprobs, capacity);
            entropies = Arrays.copyOf(entropies, capacity);
        }
        tokens[length] = token;
        logprobs[length] = logprob;
        entropies[length] = entropy;
        length++;
    }

    /** Puts the tokens so far at the end of a longer array. */
    void copyTokens(int[] target, int from) {
        System.arraycopy(tokens, 0, target, from, length);
    }

    Completion completion(FinishReason reason) {
        return new Completion(identity, Arrays.copyOf(tokens, length), Arrays.copyOf(logprobs, length),
                Arrays.copyOf(entropies, length), reason);
    }
}

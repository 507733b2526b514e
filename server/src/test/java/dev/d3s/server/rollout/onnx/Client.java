package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiPredicate;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingListener;
import dev.d3s.server.rollout.ServingRequest;
import dev.d3s.server.rollout.TopTokens;

/** A client of a serving engine that remembers what it heard. */
final class Client implements ServingListener {
    final Map<String, Completion> completions = Collections.synchronizedMap(new TreeMap<>());
    final Map<String, List<TopTokens>> tops = Collections.synchronizedMap(new TreeMap<>());
    final Map<Integer, float[]> scores = Collections.synchronizedMap(new TreeMap<>());
    final Map<Integer, List<@Nullable TopTokens>> promptTops = Collections.synchronizedMap(new TreeMap<>());
    /** Version of the weights, and how many tokens had been heard of when it began. */
    final Map<Long, Integer> versions = Collections.synchronizedMap(new TreeMap<>());
    final CompletableFuture<Boolean> end = new CompletableFuture<>();
    private final BiPredicate<Client, Integer> wanted;
    volatile int heard;
    volatile boolean gone;

    Client() {
        this((client, heard) -> true);
    }

    /** @param wanted asked with the number of tokens so far */
    Client(BiPredicate<Client, Integer> wanted) {
        this.wanted = wanted;
    }

    static Client of(ServingEngine engine, ServingRequest request) {
        Client client = new Client();
        engine.submit(request, client);
        return client;
    }

    /** Waits for the end. */
    Client ended() {
        end.join();
        return this;
    }

    @Override
    public void scored(int prompt, float[] logprobs, @Nullable TopTokens[] top) {
        scores.put(prompt, logprobs);
        promptTops.put(prompt, new ArrayList<>(java.util.Arrays.asList(top)));
    }

    @Override
    public synchronized boolean token(int prompt, int completion, int token, float logprob, @Nullable TopTokens top) {
        heard++;
        if (top != null) {
            tops.computeIfAbsent(prompt + "/" + completion, key -> new ArrayList<>()).add(top);
        }
        return wanted.test(this, heard);
    }

    @Override
    public synchronized void version(long version) {
        versions.put(version, heard);
    }

    @Override
    public void finished(int prompt, int completion, Completion whole) {
        completions.put(prompt + "/" + completion, whole);
    }

    @Override
    public void ended(@Nullable Throwable failure) {
        if (failure == null) {
            end.complete(true);
        } else {
            end.completeExceptionally(failure);
        }
    }

    @Override
    public boolean cancelled() {
        return gone;
    }
}

package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingListener;
import dev.d3s.server.rollout.ServingRequest;

/**
 * What it is worth that clients share an engine's slots, and what clients of a running job cost it: on one thread, in
 * processor time of the Java threads, as {@link RolloutBenchmark} measures.
 */
final class ServingBenchmark {
    private static final int ROUNDS = 3;
    private static final int TOKENS = 64;
    private static final int PROMPT = 32;
    private static final double SHARE = 0.125;

    private final ModelConfig config;
    private final Weights weights;
    private final int[] prompt;

    ServingBenchmark(ModelConfig config, Weights weights) {
        this.config = config;
        this.weights = weights;
        prompt = new SplittableRandom(3).ints(PROMPT, 0, config.vocabularySize()).toArray();
    }

    /** Tells when its request is over. */
    private record Waiting(CountDownLatch end) implements ServingListener {
        @Override
        public void ended(@Nullable Throwable failure) {
            end.countDown();
        }
    }

    /**
     * Measures.
     *
     * @return serving_8_clients and serving_32_clients: tokens per second over those of one client; guests_step: time of a
     *         job's generate call with clients at full load, over that without; guests_share: the share they may take
     */
    Map<String, Double> measured() throws InterruptedException {
        Map<String, Double> result = new LinkedHashMap<>();
        ServingLimits limits = new ServingLimits(32, 1L << 30, 4096, SHARE);
        try (ServingEngine engine = OnnxServingEngine.open(config, weights,
                new OnnxRolloutSettings(1, 1, 32, 320, RefreshMode.RECREATE, 0), limits)) {
            double[] one = new double[ROUNDS];
            double[] eight = new double[ROUNDS];
            double[] all = new double[ROUNDS];
            serve(engine, 2);
            for (int round = 0; round < ROUNDS; round++) {
                one[round] = serve(engine, 1);
                eight[round] = serve(engine, 8) / 8;
                all[round] = serve(engine, 32) / 32;
            }
            result.put("serving_8_clients", median(one) / median(eight));
            result.put("serving_32_clients", median(one) / median(all));
        }
        result.put("guests_step", guests(limits));
        result.put("guests_share", SHARE);
        return result;
    }

    /** Processor seconds of so many clients who ask at the same time. */
    private double serve(ServingEngine engine, int clients) throws InterruptedException {
        CountDownLatch end = new CountDownLatch(clients);
        double begin = RolloutBenchmark.processorSeconds();
        for (int client = 0; client < clients; client++) {
            engine.submit(request(client), new Waiting(end));
        }
        end.await();
        return RolloutBenchmark.processorSeconds() - begin;
    }

    private ServingRequest request(int client) {
        return new ServingRequest(List.of(new GenerationRequest(prompt, new long[]{client})),
                SamplingSettings.of(TOKENS, 1, client), 0, false);
    }

    private double guests(ServingLimits limits) {
        double[] alone = new double[ROUNDS];
        double[] visited = new double[ROUNDS];
        OnnxRolloutSettings settings = new OnnxRolloutSettings(1, 1, 64, 320, RefreshMode.RECREATE, 0);
        try (OnnxRolloutEngine quiet = OnnxRolloutEngine.open(config, weights, settings);
                OnnxRolloutEngine busy = OnnxRolloutEngine.open(config, weights, settings)) {
            ServingEngine door = busy.serve(limits, () -> 0);
            AtomicBoolean over = new AtomicBoolean();
            for (int client = 0; client < 16; client++) {
                new Returning(door, over, client).ended(null);
            }
            generate(quiet);
            generate(busy);
            for (int round = 0; round < ROUNDS; round++) {
                alone[round] = generate(quiet);
                visited[round] = generate(busy);
            }
            over.set(true);
        }
        return median(visited) / median(alone);
    }

    /** A client who asks again as soon as he has his answer. */
    private final class Returning implements ServingListener {
        private final ServingEngine door;
        private final AtomicBoolean over;
        private final int client;

        Returning(ServingEngine door, AtomicBoolean over, int client) {
            this.door = door;
            this.over = over;
            this.client = client;
        }

        @Override
        public void ended(@Nullable Throwable failure) {
            if (failure == null && !over.get()) {
                door.submit(request(client), this);
            }
        }
    }

    private double generate(OnnxRolloutEngine engine) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 128; i++) {
            requests.add(new GenerationRequest(prompt, new long[]{RolloutIdentity.of(1, i, 0)}));
        }
        double begin = RolloutBenchmark.processorSeconds();
        engine.generate(requests, SamplingSettings.of(TOKENS, 1, 0), GenerationListener.NONE);
        return RolloutBenchmark.processorSeconds() - begin;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}

package dev.d3s.server.rollout.onnx;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;

import ai.onnxruntime.OrtException;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.Weights;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * What the engine's parts gain, each as a ratio of two ways of doing the same work in the same run. The variants take
 * turns and the median counts. Everything runs on one thread, and what is compared is processor time of the Java threads,
 * so that other work on the machine does not count. Hidden 256, 6 layers, V = 4096, random weights, no end-of-sequence
 * token: lengths are given.
 */
public final class RolloutBenchmark {
    private static final int ROUNDS = 3;
    private static final int VOCABULARY = 4096;
    private static final int SLOTS = 64;
    private static final int POSITIONS = 320;
    private static final int PROMPT = 32;
    private static final int TOKENS = 64;
    private static final int REFILLED = 128;
    private static final int REFILL_SLOTS = 32;
    private static final int REFILL_CAP = 128;
    private static final double REFILL_MEAN = 40;
    private static final int SHARED_PROMPT = 256;
    private static final int SHARED_GROUP = 16;
    private static final int SHARED_GROUPS = 2;

    private final ModelConfig config = ModelConfig.qwen2(VOCABULARY, 256, 6, 8, 4, 32, 704, 512, 10_000, 1e-6, true,
            List.of(VOCABULARY));
    private final Weights weights = new BenchmarkWeights(config);
    private final SplittableRandom random = new SplittableRandom(7);
    private final Map<String, List<Double>> seconds = new LinkedHashMap<>();

    private RolloutBenchmark() {}

    /**
     * Runs for less than a minute on two idle cores.
     *
     * @return in this order: decode_tokens_per_second; decode_vs_java_sampling, where logits and cache go through Java;
     *         sampling_in_graph_alone, where only the logits do; refill_vs_static; prefix_sharing; refresh_seconds;
     *         refresh_share, of refresh and rollout together at {@code refresh_share_tokens} generated tokens;
     *         in_place_vs_recreated, decode speed; refresh_break_even_tokens; gemm_peak_gflops of one thread;
     *         gemm_peak_share_decode; and what {@link ServingBenchmark} measures
     */
    public static Map<String, Double> run() {
        try {
            return new RolloutBenchmark().measured();
        } catch (OrtException e) {
            throw OnnxRuntime.failure("measuring", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("The benchmark was interrupted.");
        }
    }

    private Map<String, Double> measured() throws OrtException, InterruptedException {
        List<GenerationRequest> distinct = requests(SLOTS, 1, PROMPT);
        List<GenerationRequest> ragged = new ArrayList<>();
        int[] lengths = new int[REFILLED];
        for (int i = 0; i < REFILLED; i++) {
            ragged.addAll(requests(1, 1, 16 + random.nextInt(17)));
            double geometric = 1 + Math.floor(Math.log(1 - random.nextDouble()) / Math.log(1 - 1 / REFILL_MEAN));
            lengths[i] = (int) Math.min(REFILL_CAP, geometric);
        }
        List<GenerationRequest> groups = requests(SHARED_GROUPS, SHARED_GROUP, SHARED_PROMPT);
        List<GenerationRequest> separate = new ArrayList<>();
        for (GenerationRequest group : groups) {
            for (long identity : group.identities()) {
                separate.add(new GenerationRequest(group.prompt(), new long[]{identity}));
            }
        }
        OnnxRolloutSettings settings = new OnnxRolloutSettings(1, 1, SLOTS, POSITIONS, RefreshMode.RECREATE, 0);
        OnnxRolloutSettings narrow = new OnnxRolloutSettings(1, 1, REFILL_SLOTS, POSITIONS, RefreshMode.RECREATE, 0);
        List<Double> peaks = new ArrayList<>();
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights, settings);
                OnnxRolloutEngine refilling = OnnxRolloutEngine.open(config, weights, narrow);
                DecoderSessions sessions = new DecoderSessions(config, weights, POSITIONS, RefreshMode.RECREATE, 1);
                StaticBatch wide = new StaticBatch(config, SLOTS, POSITIONS);
                StaticBatch batch = new StaticBatch(config, REFILL_SLOTS, POSITIONS);
                GemmPeak peak = new GemmPeak()) {
            generate(engine, distinct, 4, LengthLimit.NONE);
            wide.run(sessions.session(Head.LOGITS), Head.LOGITS, true, prompts(distinct), 8);
            peak.measure();
            for (int round = 0; round < ROUNDS; round++) {
                time("engine", () -> generate(engine, distinct, TOKENS, LengthLimit.NONE));
                time("usual", () -> wide.run(sessions.session(Head.LOGITS), Head.LOGITS, true, prompts(distinct),
                        TOKENS));
                time("java", () -> wide.run(sessions.session(Head.LOGITS), Head.LOGITS, false, prompts(distinct),
                        TOKENS));
                time("refill", () -> generate(refilling, ragged, REFILL_CAP, (request, member) -> lengths[request]));
                time("static", () -> {
                    for (int from = 0; from < REFILLED; from += REFILL_SLOTS) {
                        int longest = Arrays.stream(lengths, from, from + REFILL_SLOTS).max().orElseThrow();
                        batch.run(sessions.session(Head.SAMPLING), Head.SAMPLING, false,
                                prompts(ragged.subList(from, from + REFILL_SLOTS)), longest);
                    }
                });
                time("shared", () -> generate(engine, groups, TOKENS, LengthLimit.NONE));
                time("separate", () -> generate(engine, separate, TOKENS, LengthLimit.NONE));
                for (int i = 0; i < 3; i++) {
                    time("refresh", engine::refresh);
                    peaks.add(peak.measure());
                }
            }
        }
        RefreshMeasurement refresh;
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                new OnnxRolloutSettings(1, 1, SLOTS, POSITIONS, null, 0))) {
            refresh = Objects.requireNonNull(engine.refreshMeasurement());
        }
        double decode = median("engine");
        double peak = median(peaks);
        Map<String, Double> result = new LinkedHashMap<>();
        result.put("decode_tokens_per_second", SLOTS * TOKENS / decode);
        result.put("decode_vs_java_sampling", median("usual") / decode);
        result.put("sampling_in_graph_alone", median("java") / decode);
        result.put("refill_vs_static", median("static") / median("refill"));
        result.put("prefix_sharing", median("separate") / median("shared"));
        result.put("refresh_seconds", median("refresh"));
        result.put("refresh_share", median("refresh") / (median("refresh") + median("refill")));
        result.put("refresh_share_tokens", (double) Arrays.stream(lengths).sum());
        result.put("in_place_vs_recreated",
                refresh.inPlaceTokensPerSecond() / refresh.recreatedTokensPerSecond());
        result.put("refresh_break_even_tokens", refresh.breakEvenTokens());
        result.put("gemm_peak_gflops", peak * 1e-9);
        result.put("gemm_peak_share_decode", operations() / decode / peak);
        result.putAll(new ServingBenchmark(config, weights).measured());
        return result;
    }

    /** Floating-point operations of the decode run's matrix products; attention's own are left out. */
    private double operations() {
        double layer = (double) config.hiddenSize() * config.packedProjectionSize()
                + (double) config.heads() * config.headDim() * config.hiddenSize()
                + 3.0 * config.hiddenSize() * config.intermediateSize();
        double head = (double) config.hiddenSize() * VOCABULARY;
        // The last layer's products behind attention run for one position of each prompt only; counted as if they did not.
        return 2.0 * SLOTS * (layer * config.layers() * (PROMPT + TOKENS - 1) + head * TOKENS)
                - 2.0 * SLOTS * (PROMPT - 1) * (layer - (double) config.hiddenSize() * config.packedProjectionSize());
    }

    private static void generate(OnnxRolloutEngine engine, List<GenerationRequest> requests, int tokens,
            LengthLimit limit) {
        List<CompletionGroup> groups = engine.generate(requests, SamplingSettings.of(tokens, 1, 0),
                GenerationListener.NONE, limit);
        if (groups.size() != requests.size()) {
            throw new AssertionError("The engine lost a group.");
        }
    }

    private List<GenerationRequest> requests(int count, int groupSize, int length) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long[] identities = new long[groupSize];
            for (int j = 0; j < groupSize; j++) {
                identities[j] = RolloutIdentity.of(0, i, j);
            }
            requests.add(new GenerationRequest(random.ints(length, 0, VOCABULARY).toArray(), identities));
        }
        return requests;
    }

    private static int[][] prompts(List<GenerationRequest> requests) {
        return requests.stream().map(GenerationRequest::prompt).toArray(int[][]::new);
    }

    /** Something that takes time. */
    @FunctionalInterface
    private interface Work {
        void run() throws OrtException;
    }

    private void time(String name, Work work) throws OrtException {
        double begin = processorSeconds();
        work.run();
        seconds.computeIfAbsent(name, key -> new ArrayList<>()).add(processorSeconds() - begin);
    }

    /** Processor time of all threads so far: the workers', and the caller's. */
    static double processorSeconds() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long nanoseconds = 0;
        for (long thread : threads.getAllThreadIds()) {
            nanoseconds += Math.max(0, threads.getThreadCpuTime(thread));
        }
        return nanoseconds * 1e-9;
    }

    private double median(String name) {
        return median(seconds.getOrDefault(name, List.of()));
    }

    private static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    /** Small random weights: speed does not depend on their values. */
    private static final class BenchmarkWeights implements Weights {
        private final List<Parameter> parameters;
        private final List<ByteBuffer> values = new ArrayList<>();

        BenchmarkWeights(ModelConfig config) {
            parameters = ParameterLayout.of(config);
            SplittableRandom random = new SplittableRandom(1);
            for (Parameter parameter : parameters) {
                ByteBuffer bytes = ByteBuffer.allocateDirect(Math.toIntExact(parameter.size() * Float.BYTES))
                    .order(ByteOrder.nativeOrder());
                FloatBuffer floats = bytes.asFloatBuffer();
                for (int i = 0; i < floats.capacity(); i++) {
                    floats.put(i, (float) random.nextDouble(-0.1, 0.1));
                }
                values.add(bytes);
            }
        }

        @Override
        public List<Parameter> parameters() {
            return parameters;
        }

        @Override
        public ByteBuffer values(int index) {
            return values.get(index).asReadOnlyBuffer().order(ByteOrder.nativeOrder());
        }
    }
}

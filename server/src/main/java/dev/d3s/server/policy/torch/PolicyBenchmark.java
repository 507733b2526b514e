package dev.d3s.server.policy.torch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.policy.torch.TorchPolicy.Coverage;

/**
 * What selection saves in an update, and how near the update comes to what the machine can do. Variants are timed in turn
 * within one run and compared by their medians, so that a machine that slows down slows all of them.
 */
public final class PolicyBenchmark {
    /** 13.5 million parameters, of which the vocabulary is more than half, as in small language models. */
    private static final ModelConfig MODEL = ModelConfig.qwen2(32_768, 256, 6, 8, 4, 32, 704, 512, 1e6, 1e-6, true,
            List.of(0));
    private static final int ROLLOUTS = 16;
    private static final int PROMPT = 16;
    private static final int TOKENS = 256;
    private static final int ROUNDS = 3;
    /** No limit, so that memory shows what selection saves and not what a budget for logits would anyway. */
    private static final long WHOLE_LOGITS = 1L << 40;

    private static final int LONG_ROLLOUTS = 4;

    /** The demo's policy. */
    private static final ModelConfig SMALL = ModelConfig.qwen2(35, 96, 3, 4, 2, 24, 256, 128, 1e4, 1e-6, true,
            List.of(0));
    private static final int SMALL_ROLLOUTS = 64;
    private static final int SMALL_TOKENS = 40;
    private static final int SMALL_ROUNDS = 15;

    private static final Objective OBJECTIVE = new Objective.ClippedRatio(0.2, 0.2, 0, 0, 1);
    private static final OptimizerStep STEP = OptimizerStep.of(1e-6);

    private final int cores;

    private PolicyBenchmark(int cores) {
        this.cores = cores;
    }

    /**
     * About a minute on two cores. Keys, in this order:
     * <ul>
     * <li>{@code update_seconds_keep_100}: an update on 16 rollouts of 256 tokens, all completion tokens kept
     * <li>{@code update_time_*}: other variants as a share of that: {@code masked_20} computes everything and keeps a fifth;
     * {@code keep_50} and {@code keep_20} keep this percentage of tokens, scattered; {@code prefix_50} keeps as many from the
     * start of each completion, and {@code first_half_20} scatters 20 % over its first half; {@code half_keep_40} drops half
     * of the rollouts and keeps 40 % of the remaining tokens
     * <li>{@code update_flops_*} and {@code update_tokens_*}: what the operations of a variant predict for its time, and the
     * tokens that went through its decoder, both as a share of {@code keep_100}
     * <li>{@code update_peak_megabytes_keep_100} and {@code update_peak_*}: memory above that of the resting policy, where
     * the system tells it (Linux)
     * <li>{@code gemm_gigaflops}: fp32 matrix products of libtorch, all cores together; {@code update_gemm_share}: the
     * update's arithmetic per second as a share of it
     * <li>{@code update_time_lora}, {@code update_time_bf16}, {@code update_time_checkpointing} and
     * {@code update_time_lora_bf16}: an update on 4 rollouts of 512 tokens of which a fifth is kept, as a share of the same with
     * all weights trained in fp32 and every activation kept; {@code update_memory_*}: all memory of the policy at its peak, as a
     * share of the same, where the system tells it
     * <li>{@code adapter_merge_share}: merging the adapters as a share of the update of {@code update_time_lora}
     * <li>{@code small_update_seconds}: an update of the demo's policy on 64 rollouts of 40 tokens with one thread, and how
     * many times faster it is with one worker per core and with all cores inside each operation
     * </ul>
     */
    public static Map<String, Double> run() {
        return new PolicyBenchmark(Runtime.getRuntime().availableProcessors()).measure();
    }

    /** Where the kept tokens of a completion lie. */
    private enum Place {
        /** Anywhere, the last token among them: the whole completion is read. */
        SCATTERED,
        /** Anywhere in the first half, its last token among them. */
        FIRST_HALF,
        /** At the start, without gaps. */
        PREFIX
    }

    /** A way of computing an update. */
    private record Variant(String name, List<TrainingSequence> sequences, Coverage coverage) {
        static Variant of(String name, int rollouts, double keep, Place place) {
            return new Variant(name, rollouts(MODEL, rollouts, TOKENS, keep, place), Coverage.KEPT);
        }
    }

    private Map<String, Double> measure() {
        Map<String, Double> figures = new LinkedHashMap<>();
        measureSelection(figures);
        measureTrained(figures);
        measureWorkers(figures);
        return figures;
    }

    private void measureSelection(Map<String, Double> figures) {
        List<Variant> variants = List.of(
                Variant.of("half_keep_40", ROLLOUTS / 2, 0.4, Place.SCATTERED),
                Variant.of("first_half_20", ROLLOUTS, 0.2, Place.FIRST_HALF),
                Variant.of("keep_20", ROLLOUTS, 0.2, Place.SCATTERED),
                Variant.of("prefix_50", ROLLOUTS, 0.5, Place.PREFIX),
                Variant.of("keep_50", ROLLOUTS, 0.5, Place.SCATTERED),
                Variant.of("keep_100", ROLLOUTS, 1, Place.SCATTERED),
                new Variant("masked_20", rollouts(MODEL, ROLLOUTS, TOKENS, 0.2, Place.SCATTERED), Coverage.ALL));
        Map<String, Double> computed = new LinkedHashMap<>();
        Map<String, Double> operations = new LinkedHashMap<>();
        Map<String, Double> seconds = new LinkedHashMap<>();
        Map<String, Double> megabytes = new LinkedHashMap<>();
        List<Double> gigaflops = new ArrayList<>();
        try (TorchPolicy policy = TorchPolicy.open(MODEL, NormalWeights.of(MODEL),
                TorchPolicySettings.forModel(MODEL, cores).withLogitsBytes(WHOLE_LOGITS))) {
            policy.update(rollouts(MODEL, 2, 32, 1, Place.SCATTERED), OBJECTIVE, STEP);
            double resting = statusMegabytes("VmRSS");
            // from the smallest to the largest: the allocator keeps what an update gave back, so that a peak is only seen
            // if it is the highest so far
            for (Variant variant : variants) {
                resetPeak();
                UpdateReport report = policy.update(variant.sequences, OBJECTIVE, STEP, variant.coverage);
                computed.put(variant.name, (double) report.computedTokens());
                operations.put(variant.name, flops(variant));
                megabytes.put(variant.name, statusMegabytes("VmHWM") - resting);
            }
            Map<String, double[]> times = new LinkedHashMap<>();
            for (int round = 0; round < ROUNDS; round++) {
                gigaflops.add(gemmGigaflops());
                for (Variant variant : variants) {
                    times.computeIfAbsent(variant.name, name -> new double[ROUNDS])[round] = secondsOf(
                            () -> policy.update(variant.sequences, OBJECTIVE, STEP, variant.coverage));
                }
            }
            times.forEach((name, values) -> seconds.put(name, median(values)));
        }
        double whole = figure(seconds, "keep_100");
        figures.put("update_seconds_keep_100", whole);
        List<String> others = List.of("masked_20", "keep_50", "prefix_50", "keep_20", "first_half_20", "half_keep_40");
        others.forEach(name -> figures.put("update_time_" + name, figure(seconds, name) / whole));
        double wholeOperations = figure(operations, "keep_100");
        others.forEach(name -> figures.put("update_flops_" + name, figure(operations, name) / wholeOperations));
        double wholeTokens = figure(computed, "keep_100");
        others.forEach(name -> figures.put("update_tokens_" + name, figure(computed, name) / wholeTokens));
        double peak = figure(megabytes, "keep_100");
        if (Double.isFinite(peak)) {
            figures.put("update_peak_megabytes_keep_100", peak);
            others.forEach(name -> figures.put("update_peak_" + name, figure(megabytes, name) / peak));
        }
        double attainable = median(gigaflops.stream().mapToDouble(Double::doubleValue).toArray());
        figures.put("gemm_gigaflops", attainable);
        figures.put("update_gemm_share", wholeOperations / 1e9 / whole / attainable);
    }

    /** What is trained and how: each in a policy of its own, one after the other, so that each is alone in memory. */
    private void measureTrained(Map<String, Double> figures) {
        List<TrainingSequence> rollouts = rollouts(MODEL, LONG_ROLLOUTS, MODEL.contextLength(), 0.2, Place.SCATTERED);
        TorchPolicySettings whole = TorchPolicySettings.forModel(MODEL, cores)
            .withTokensPerMicroBatch(LONG_ROLLOUTS * MODEL.contextLength() / 2)
            .withLogitsBytes(64L << 20);
        LoraSettings lora = LoraSettings.of(16, 32);
        Map<String, TorchPolicySettings> variants = new LinkedHashMap<>();
        variants.put("whole", whole);
        variants.put("lora", whole.with(new PolicySettings(Precision.FP32, lora)));
        variants.put("bf16", whole.with(new PolicySettings(Precision.BF16, null)));
        variants.put("checkpointing", whole.with(ActivationCheckpointing.LAYER));
        variants.put("lora_bf16", whole.with(new PolicySettings(Precision.BF16, lora)));
        Map<String, Double> seconds = new LinkedHashMap<>();
        Map<String, Double> megabytes = new LinkedHashMap<>();
        variants.forEach((name, settings) -> {
            trimHeap();
            resetPeak();
            double before = statusMegabytes("VmRSS");
            try (TorchPolicy policy = TorchPolicy.open(MODEL, NormalWeights.of(MODEL), settings, 1)) {
                double[] times = new double[ROUNDS];
                // the first round warms up
                for (int round = -1; round < ROUNDS; round++) {
                    times[Math.max(round, 0)] = secondsOf(() -> policy.update(rollouts, OBJECTIVE, STEP));
                }
                seconds.put(name, median(times));
                megabytes.put(name, statusMegabytes("VmHWM") - before);
                if (settings.lora() != null) {
                    figures.put("adapter_merge_share", secondsOf(policy::merge) / median(times));
                }
            }
        });
        for (String name : variants.keySet()) {
            if (!name.equals("whole")) {
                figures.put("update_time_" + name, figure(seconds, name) / figure(seconds, "whole"));
                double memory = figure(megabytes, name) / figure(megabytes, "whole");
                if (Double.isFinite(memory)) {
                    figures.put("update_memory_" + name, memory);
                }
            }
        }
    }

    /** Gives back what the C library keeps of freed memory, where it can. */
    private static void trimHeap() {
        Linker linker = Linker.nativeLinker();
        linker.defaultLookup().find("malloc_trim").ifPresent(function -> {
            try {
                linker.downcallHandle(function, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG))
                    .invoke(0L);
            } catch (Throwable e) {
                throw new IllegalStateException("malloc_trim failed", e);
            }
        });
    }

    private void measureWorkers(Map<String, Double> figures) {
        List<TrainingSequence> rollouts = rollouts(SMALL, SMALL_ROLLOUTS, SMALL_TOKENS, 1, Place.SCATTERED);
        double[] one = new double[SMALL_ROUNDS];
        double[] workers = new double[SMALL_ROUNDS];
        double[] threads = new double[SMALL_ROUNDS];
        TorchPolicySettings single = TorchPolicySettings.forModel(SMALL, 1);
        TorchPolicySettings threaded = new TorchPolicySettings(1, cores, single.tokensPerMicroBatch(),
                single.logitsBytes());
        NormalWeights weights = NormalWeights.of(SMALL);
        try (TorchPolicy onOne = TorchPolicy.open(SMALL, weights, single);
                TorchPolicy onWorkers = TorchPolicy.open(SMALL, weights, single.withWorkers(cores));
                TorchPolicy onThreads = TorchPolicy.open(SMALL, weights, threaded)) {
            // the first round warms up
            for (int round = -1; round < SMALL_ROUNDS; round++) {
                int at = Math.max(round, 0);
                one[at] = secondsOf(() -> onOne.update(rollouts, OBJECTIVE, STEP));
                workers[at] = secondsOf(() -> onWorkers.update(rollouts, OBJECTIVE, STEP));
                threads[at] = secondsOf(() -> onThreads.update(rollouts, OBJECTIVE, STEP));
            }
        }
        figures.put("small_update_seconds", median(one));
        figures.put("small_update_speedup_workers", median(one) / median(workers));
        figures.put("small_update_speedup_threads", median(one) / median(threads));
    }

    /**
     * Floating-point operations of an update: two for each weight that a token is multiplied with and the same twice over in
     * the backward pass, for all input tokens in all layers but for the computed ones in the last layer's output projection
     * and MLP and in the lm_head; and 4 * heads * D for each pair of a token and one before it, in all layers and again twice
     * in the backward pass. Norms, softmax, activations and AdamW are left out.
     */
    private static double flops(Variant variant) {
        double kept = 0;
        double inputs = 0;
        double pairs = 0;
        for (TrainingSequence sequence : variant.sequences) {
            KeptTokens tokens = KeptTokens.of(sequence, variant.coverage);
            double length = tokens.inputLength();
            kept += tokens.kept().length;
            inputs += length;
            pairs += length * (length + 1) / 2;
        }
        double attention = (double) MODEL.heads() * MODEL.headDim();
        double packed = (double) MODEL.packedProjectionSize() * MODEL.hiddenSize();
        double rest = attention * MODEL.hiddenSize() + 3.0 * MODEL.intermediateSize() * MODEL.hiddenSize();
        double head = (double) MODEL.vocabularySize() * MODEL.hiddenSize();
        double products = MODEL.layers() * inputs * packed + (MODEL.layers() - 1) * inputs * rest
                + kept * (rest + head);
        return 3 * (2 * products + 4 * MODEL.layers() * pairs * attention);
    }

    /** Square products large enough to be limited by arithmetic, one thread per core at the same time. */
    private double gemmGigaflops() {
        int size = 1024;
        int repetitions = 12;
        List<TorchWorker> workers = new ArrayList<>();
        try (NDManager manager = TorchRuntime.newManager()) {
            for (int core = 0; core < cores; core++) {
                workers.add(new TorchWorker("d3s-gemm-" + core, 1));
            }
            NDArray factor = manager.ones(new Shape(size, size), DataType.FLOAT32);
            multiply(workers, manager, factor, 2);
            double seconds = secondsOf(() -> multiply(workers, manager, factor, repetitions));
            return 2.0 * size * size * size * repetitions * cores / seconds / 1e9;
        } finally {
            workers.forEach(TorchWorker::close);
        }
    }

    private static void multiply(List<TorchWorker> workers, NDManager manager, NDArray factor, int repetitions) {
        List<CompletableFuture<Boolean>> running = workers.stream().map(worker -> worker.submit(() -> {
            for (int repetition = 0; repetition < repetitions; repetition++) {
                try (NDManager scope = manager.newSubManager()) {
                    factor.matMul(factor).attach(scope);
                }
            }
            return true;
        })).toList();
        running.forEach(TorchWorker::await);
    }

    /** Rollouts of equal length of which an even share of completion tokens is kept: as many in each, wherever they lie. */
    private static List<TrainingSequence> rollouts(ModelConfig config, int count, int length, double keep,
            Place place) {
        SplittableRandom random = new SplittableRandom(1);
        int prompt = Math.min(PROMPT, length / 4);
        int completion = length - prompt;
        int kept = (int) Math.round(keep * completion);
        int end = switch (place) {
            case SCATTERED -> completion;
            case FIRST_HALF -> completion / 2;
            case PREFIX -> kept;
        };
        List<TrainingSequence> rollouts = new ArrayList<>();
        for (int index = 0; index < count; index++) {
            float[] weight = new float[completion];
            weight[end - 1] = 1e-3f;
            int missing = kept - 1;
            for (int token = 0; token < end - 1; token++) {
                // every subset of that size alike
                if (random.nextInt(end - 1 - token) < missing) {
                    weight[token] = 1e-3f;
                    missing--;
                }
            }
            rollouts.add(new TrainingSequence(random.ints(length, 0, config.vocabularySize()).toArray(), prompt,
                    random.nextDouble(-1, 1), weight, null, null, null));
        }
        return rollouts;
    }

    private static double secondsOf(Runnable work) {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static double figure(Map<String, Double> figures, String name) {
        return figures.getOrDefault(name, Double.NaN);
    }

    /** Makes the present resident memory the peak to start from. */
    private static void resetPeak() {
        Path control = Path.of("/proc/self/clear_refs");
        if (Files.isWritable(control)) {
            try {
                Files.writeString(control, "5");
            } catch (IOException e) {
                throw new UncheckedIOException("The kernel did not reset the peak of resident memory", e);
            }
        }
    }

    /** A line of the process's status, or NaN where there is none. */
    private static double statusMegabytes(String name) {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status) || !Files.isWritable(Path.of("/proc/self/clear_refs"))) {
            return Double.NaN;
        }
        try {
            return Files.readAllLines(status)
                .stream()
                .filter(line -> line.startsWith(name + ":"))
                .mapToDouble(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024.0)
                .findFirst()
                .orElse(Double.NaN);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + status, e);
        }
    }

    /** Weights of a model that nobody trained. */
    private record NormalWeights(List<Parameter> parameters, ByteBuffer[] buffers) implements Weights {
        static NormalWeights of(ModelConfig config) {
            SplittableRandom random = new SplittableRandom(2);
            List<Parameter> parameters = ParameterLayout.of(config);
            ByteBuffer[] buffers = new ByteBuffer[parameters.size()];
            for (int index = 0; index < buffers.length; index++) {
                Parameter parameter = parameters.get(index);
                double mean = parameter.name().endsWith("norm.weight") ? 1 : 0;
                buffers[index] = ByteBuffer.allocateDirect(Math.toIntExact(parameter.size() * Float.BYTES))
                    .order(ByteOrder.nativeOrder());
                FloatBuffer floats = buffers[index].asFloatBuffer();
                while (floats.hasRemaining()) {
                    floats.put((float) (mean + 0.02 * random.nextGaussian()));
                }
            }
            return new NormalWeights(parameters, buffers);
        }

        @Override
        public ByteBuffer values(int index) {
            return buffers[index].duplicate().order(ByteOrder.nativeOrder());
        }
    }
}

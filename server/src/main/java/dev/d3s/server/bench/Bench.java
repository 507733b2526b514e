package dev.d3s.server.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.example.ModelShape;
import dev.d3s.server.example.RandomCheckpoint;
import dev.d3s.server.model.TensorType;
import dev.d3s.server.policy.torch.PolicyBenchmark;
import dev.d3s.server.rollout.onnx.RolloutBenchmark;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.training.Engines;
import dev.d3s.spi.D3sException;

/**
 * {@code ./d3s bench}: measures both engines, prints a table, and writes the figures as JSON when asked for. Every comparison
 * is a ratio of two ways of doing the same work, taken in turns in this one run; absolute figures are this machine's.
 */
public final class Bench {
    /**
     * One line of the table.
     *
     * @param words the figure in words
     * @param expected what the design expects of it
     * @param prediction the key of the figure that predicts it, where that is computed in the same run
     */
    private record Line(String key, String words, String expected, @Nullable String prediction) {
        Line(String key, String words, String expected) {
            this(key, words, expected, null);
        }

        static Line predicted(String key, String words, String prediction) {
            return new Line(key, words, "", prediction);
        }

        String expected(Map<String, Double> figures) {
            Double predicted = prediction == null ? null : figures.get(prediction);
            return predicted == null ? expected : String.format(Locale.ROOT, "%.3f by its operations", predicted);
        }
    }

    private static final String USAGE = "Usage: ./d3s bench [--report FILE] | ./d3s bench --model DIR|--shape NAME "
            + "[--only full|lora|bf16]";

    private static final List<Line> LINES = List.of(
            new Line("decode_vs_java_sampling", "decode: sampling in the graph over logits handed to Java", "1.7x"),
            new Line("refill_vs_static", "decode: continuous refill over static batches", "2.5x"),
            new Line("prefix_sharing", "decode: shared prefix over none (prompt 256, group 16)", "2x"),
            new Line("refresh_share", "share of a step spent refreshing weights", "below 0.02"),
            new Line("gemm_peak_share_decode", "decode: share of the GEMM peak of one core", "0.33 to 0.48"),
            new Line("serving_8_clients", "serving: tokens per second of 8 clients at once, over one", ""),
            new Line("serving_32_clients", "serving: tokens per second of 32 clients at once, over one", ""),
            new Line("guests_step", "a job's generate call with clients of its policy, over without", "below 1.143"),
            new Line("update_time_keep_50", "update: time when 50 % of the tokens are kept, over all", "0.7"),
            new Line("update_time_keep_20", "update: time when 20 % of the tokens are kept, over all", "0.5"),
            Line.predicted("update_time_prefix_50", "update: time for as many as 50 %, kept as a prefix, over all",
                    "update_flops_prefix_50"),
            Line.predicted("update_time_first_half_20",
                    "update: time for 20 %, scattered over the first half, over all",
                    "update_flops_first_half_20"),
            new Line("update_tokens_keep_50", "update: tokens read for 50 % scattered, over all", "1"),
            new Line("update_tokens_prefix_50", "update: tokens read for 50 % as a prefix, over all", "0.529"),
            new Line("update_tokens_first_half_20", "update: tokens read for 20 % in the first half, over all",
                    "0.529"),
            new Line("update_time_half_keep_40", "update: time for half the rollouts, 40 % of their tokens",
                    "0.33"),
            new Line("update_peak_keep_50", "update: peak memory at 50 %, over all", "0.68"),
            new Line("update_peak_keep_20", "update: peak memory at 20 %, over all", "0.48"),
            new Line("update_peak_half_keep_40", "update: peak memory for half the rollouts, 40 %", "0.31"),
            new Line("update_time_lora", "update: time with LoRA (rank 16), over all weights", ""),
            new Line("update_memory_lora", "update: all memory with LoRA, over all weights", ""),
            new Line("update_time_bf16", "update: time in bf16, over fp32", "0.65"),
            new Line("update_memory_bf16", "update: all memory in bf16, over fp32", ""),
            new Line("update_time_checkpointing", "update: time with activation checkpointing, over none",
                    "1.12 to 1.20"),
            new Line("update_memory_checkpointing", "update: all memory with activation checkpointing", "0.6 to 0.7"),
            new Line("update_time_lora_bf16", "update: time with LoRA in bf16, over all weights in fp32", ""),
            new Line("update_memory_lora_bf16", "update: all memory with LoRA in bf16", ""),
            new Line("adapter_merge_share", "update: merging adapters, as a share of it", "below 0.02"),
            new Line("update_gemm_share", "update: share of the GEMM peak of all cores", ""),
            new Line("small_update_speedup_workers", "update, demo model: two workers over one", ""),
            new Line("small_update_speedup_threads", "update, demo model: two threads in one worker over one", ""));

    private final @Nullable Path report;
    private final PrintStream out;

    private final @Nullable Path model;
    private final @Nullable ModelShape shape;
    private final StepBenchmark.@Nullable Mode only;
    private final IntFunction<Engines> engines;

    private Bench(@Nullable Path report, @Nullable Path model, @Nullable ModelShape shape,
            StepBenchmark.@Nullable Mode only, IntFunction<Engines> engines, PrintStream out) {
        this.report = report;
        this.model = model;
        this.shape = shape;
        this.only = only;
        this.engines = engines;
        this.out = out;
    }

    /**
     * Reads the arguments after {@code bench}.
     *
     * @throws IllegalArgumentException with one sentence about what makes no sense
     */
    public static Bench parse(PrintStream out, IntFunction<Engines> engines, String... arguments) {
        Map<String, String> given = new LinkedHashMap<>();
        for (int index = 0; index + 1 < arguments.length; index += 2) {
            given.put(arguments[index], arguments[index + 1]);
        }
        boolean ofModel = given.containsKey("--model") || given.containsKey("--shape");
        if (arguments.length % 2 != 0 || !Set.of("--report", "--model", "--shape", "--only").containsAll(given.keySet())
                || (given.containsKey("--report") && given.size() > 1)
                || (given.containsKey("--model") && given.containsKey("--shape"))
                || (given.containsKey("--only") && !ofModel)) {
            throw new IllegalArgumentException(USAGE);
        }
        String only = given.get("--only");
        String shape = given.get("--shape");
        return new Bench(path(given.get("--report")), path(given.get("--model")),
                shape == null ? null : shape(shape), only == null ? null : mode(only), engines, out);
    }

    private static ModelShape shape(String id) {
        try {
            return ModelShape.named(id);
        } catch (D3sException e) {
            throw new IllegalArgumentException(e.text(), e);
        }
    }

    private static @Nullable Path path(@Nullable String name) {
        return name == null ? null : Path.of(name);
    }

    private static StepBenchmark.Mode mode(String word) {
        return Arrays.stream(StepBenchmark.Mode.values())
            .filter(mode -> mode.word().equals(word))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException(USAGE));
    }

    /** Takes a few minutes; everything else on the machine disturbs it. */
    public void run() throws IOException {
        if (model != null) {
            steps(model);
            return;
        }
        if (shape != null) {
            steps(shape);
            return;
        }
        NativeLibraries.prepare(NativeLibraries.userCache());
        Map<String, Double> figures = new LinkedHashMap<>();
        out.println("Rollout engine ...");
        figures.putAll(RolloutBenchmark.run());
        out.println("Training engine ...");
        figures.putAll(PolicyBenchmark.run());
        out.println();
        out.printf(Locale.ROOT, "%-66s %9s   %s%n", "figure", "measured", "design");
        for (Line line : LINES) {
            Double figure = figures.get(line.key);
            if (figure != null) {
                out.printf(Locale.ROOT, "%-66s %9.3f   %s%n", line.words, figure, line.expected(figures));
            }
        }
        out.println();
        figures.forEach((key, figure) -> out.printf(Locale.ROOT, "%s=%.6g%n", key, figure));
        Path file = report;
        if (file != null) {
            Files.write(file, JsonMapper.builder()
                .enable(SerializationFeature.INDENT_OUTPUT)
                .build()
                .writeValueAsBytes(figures));
            out.println("Report: " + file);
        }
    }

    /** With random weights, in the format in which such models are published. */
    private void steps(ModelShape random) throws IOException {
        Path parent = Files.createTempDirectory("d3s-bench-");
        Path directory = parent.resolve("random-" + random.id());
        try {
            out.println("Writing a checkpoint with random weights, " + random.id() + " ...");
            RandomCheckpoint.write(directory, random.config(), TensorType.BF16, 1);
            steps(directory);
        } finally {
            DurableFiles.deleteTree(parent);
        }
    }

    private void steps(Path directory) throws IOException {
        StepBenchmark steps = new StepBenchmark(directory, out);
        int cores = Runtime.getRuntime().availableProcessors();
        if (only != null) {
            steps.run(only, engines.apply(cores), cores);
        } else if (!steps.runChildren(List.of(StepBenchmark.Mode.FULL, StepBenchmark.Mode.LORA))) {
            throw new IOException("A part of the benchmark failed; see above.");
        }
    }
}

package dev.d3s.server.policy.torch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;

/**
 * A model's weights in libtorch, the program and the workers that run it: what the trained policy and the frozen reference
 * share. Callable from one thread at a time. Closed by its owner.
 */
final class TorchDecoder implements AutoCloseable {
    private final ModelConfig config;
    private final TorchPolicySettings settings;
    private final NDManager manager;
    private final TorchWeights model;
    private final @Nullable TorchAdapters adapters;
    private final NDArray[] tensors;
    private final DecoderProgram program;
    private final List<TorchWorker> workers;
    private final boolean owner;
    private volatile BooleanSupplier stopRequested = () -> false;

    /**
     * @param initial copied
     * @param seed of the adapters' first values, where the settings ask for adapters
     */
    TorchDecoder(String name, ModelConfig config, Weights initial, TorchPolicySettings settings, long seed) {
        this.config = config;
        this.settings = settings;
        owner = true;
        workers = new ArrayList<>();
        manager = TorchRuntime.newManager();
        try {
            model = TorchWeights.copyOf(initial, manager, ParameterLayout.of(config), "parameters[]");
            LoraSettings lora = settings.lora();
            adapters = lora == null ? null : new TorchAdapters(lora, config, model, manager, seed);
            tensors = adapters == null
                    ? model.tensors()
                    : Stream.of(model.tensors(), adapters.values().tensors())
                        .flatMap(Stream::of)
                        .toArray(NDArray[]::new);
            program = new DecoderProgram(manager, config, settings);
            for (int index = 0; index < settings.workers(); index++) {
                workers.add(new TorchWorker("d3s-" + name + "-" + index, settings.intraOpThreads()));
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** The same model, memory and workers without the adapters: not to be used after its origin was closed. */
    private TorchDecoder(TorchDecoder origin) {
        config = origin.config;
        settings = origin.settings.with(new PolicySettings(origin.settings.precision(), null));
        manager = origin.manager.newSubManager();
        model = origin.model;
        adapters = null;
        tensors = model.tensors();
        program = new DecoderProgram(manager, config, settings);
        workers = origin.workers;
        owner = false;
        stopRequested = () -> origin.stopRequested.getAsBoolean();
    }

    /** The model as it was before there were adapters, in the same memory. Takes turns with this decoder. */
    TorchDecoder withoutAdapters() {
        return new TorchDecoder(this);
    }

    ModelConfig config() {
        return config;
    }

    TorchPolicySettings settings() {
        return settings;
    }

    /** Owns everything that lives as long as the decoder. */
    NDManager manager() {
        return manager;
    }

    /** The model's weights, merged with the adapters if there are any. */
    TorchWeights weights() {
        return adapters == null ? model : adapters.weights();
    }

    @Nullable
    TorchAdapters adapters() {
        return adapters;
    }

    /** What is trained: the weights, or the adapters alone. */
    TorchWeights trained() {
        return adapters == null ? model : adapters.values();
    }

    /** All that a program takes as {@code parameters}: the model's tensors and the adapters'. */
    NDArray[] tensors() {
        return tensors;
    }

    /** Shows the present adapters in {@link #weights}. On a worker. */
    void merge() {
        if (adapters != null) {
            adapters.merge(program, tensors);
        }
    }

    DecoderProgram program() {
        return program;
    }

    TorchWorker worker(int index) {
        return workers.get(index);
    }

    /** From now on, work that was submitted and has not begun is cancelled once this is true. */
    void until(BooleanSupplier stop) {
        stopRequested = stop;
    }

    /** One micro-batch, on a worker, unless the run is to stop. */
    <T> CompletableFuture<T> submit(int worker, Supplier<T> microBatch) {
        return workers.get(worker).submit(() -> {
            if (stopRequested.getAsBoolean()) {
                throw new CancellationException("The run was told to stop.");
            }
            return microBatch.get();
        });
    }

    /** Cuts sequences into micro-batches for this decoder's workers. */
    MicroBatchPlan plan(List<KeptTokens> sequences) {
        for (KeptTokens sequence : sequences) {
            if (sequence.inputLength() > config.contextLength()) {
                throw new IllegalArgumentException("A sequence of " + sequence.tokens().length
                        + " tokens does not fit into the context of " + config.contextLength());
            }
        }
        return MicroBatchPlan.of(sequences.stream().mapToInt(KeptTokens::inputLength).toArray(), settings.workers(),
                settings.tokensPerMicroBatch());
    }

    /** See {@link dev.d3s.server.policy.LogprobScorer#score}. */
    List<TokenScores> score(List<int[]> tokens, int[] promptLength, boolean[][] chosen, double temperature) {
        List<TokenScores> scores = new ArrayList<>();
        List<KeptTokens> sequences = new ArrayList<>();
        List<Scored> targets = new ArrayList<>();
        for (int index = 0; index < promptLength.length; index++) {
            int length = tokens.get(index).length - promptLength[index];
            if (chosen[index].length != length) {
                throw new IllegalArgumentException("Sequence " + index + " has " + length + " completion tokens, but "
                        + chosen[index].length + " flags");
            }
            TokenScores score = new TokenScores(new float[length], new float[length]);
            Arrays.fill(score.logprobs(), Float.NaN);
            Arrays.fill(score.entropies(), Float.NaN);
            scores.add(score);
            KeptTokens sequence = KeptTokens.chosen(tokens.get(index), promptLength[index], chosen[index]);
            if (sequence.kept().length > 0) {
                sequences.add(sequence);
                targets.add(new Scored(score, promptLength[index]));
            }
        }
        if (sequences.isEmpty()) {
            return scores;
        }
        MicroBatchPlan plan = plan(sequences);
        List<CompletableFuture<float[]>> running = new ArrayList<>();
        for (int index = 0; index < plan.microBatches().size(); index++) {
            int[] members = plan.microBatches().get(index);
            running.add(submit(plan.worker()[index],
                    () -> scoreMicroBatch(MicroBatch.of(sequences, members), temperature)));
        }
        List<float[]> results = TorchWorker.awaitAll(running);
        for (int index = 0; index < results.size(); index++) {
            float[] result = results.get(index);
            int next = 0;
            for (int member : plan.microBatches().get(index)) {
                Scored target = targets.get(member);
                for (int kept : sequences.get(member).kept()) {
                    int token = kept - target.promptLength;
                    target.score.logprobs()[token] = result[next];
                    target.score.entropies()[token] = result[result.length / 2 + next];
                    next++;
                }
            }
        }
        return scores;
    }

    /** Where the scores of a sequence go. */
    private record Scored(TokenScores score, int promptLength) {}

    /** [2 * K]: log-probabilities, then entropies. */
    private float[] scoreMicroBatch(MicroBatch batch, double temperature) {
        try (DecoderProgram.Call call = program.call("score")) {
            batch.into(call.list(tensors))
                .rotary(batch.length())
                .settings(temperature, settings.logitsRows(config));
            return call.run().toFloatArray();
        }
    }

    @Override
    public void close() {
        if (owner) {
            workers.forEach(TorchWorker::close);
        }
        manager.close();
    }
}

package dev.d3s.server.policy.torch;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.Adapter;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * The trained policy in libtorch: the "update" of the training loop. A step is one call of the program per micro-batch,
 * spread over the workers in a fixed way, and one call that clips the gradient and applies AdamW. Only what was kept is
 * computed: a sequence is read up to its last kept token, and everything after the last layer's attention exists for kept
 * tokens alone. The same weights, moments, sequences and settings give the same bits.
 *
 * <p>Memory, in fp32 unless said otherwise. Always: the model; with adapters also those, and a merged copy of each packed
 * weight that has some. From the first update on: gradients of what is trained, for each worker that had a micro-batch, and
 * two moments of it. While a micro-batch is computed, per worker: what the layers keep of each token (with
 * {@link ActivationCheckpointing#LAYER} one row of the hidden size per layer, and everything of one layer), the gradients of
 * one layer (there is no second set of all), three tensors of the vocabulary's width for {@link TorchPolicySettings#logitsRows}
 * of the kept tokens, and in bf16 rounded copies of the layers' matrices: of all of them until the backward pass has used
 * them, or of one layer with checkpointing.
 *
 * <p>Callable from one thread at a time, which waits while the policy's own threads work. Whoever opened it closes it, after
 * everything that reads {@link #weights()}.
 */
public final class TorchPolicy implements Policy {
    /** Which completion tokens are computed. The masked variant exists to be compared with. */
    enum Coverage {
        /** Kept ones: the others cost nothing. */
        KEPT,
        /** All of them, dropped ones with weight 0, as a trainer that only masks its loss would. */
        ALL
    }

    /** Rows of the program's {@code terms}. */
    private static final int TERMS = 9;
    /** The program's sums and maxima. */
    private static final int SUMS = 6;
    private static final int MAXIMA = 2;

    private final TorchDecoder decoder;
    /** Of gradients and moments. */
    private final NDManager training;
    /** One per worker; zero between updates. Made for the first of them. */
    private final List<TorchWeights> gradients = new ArrayList<>();
    /** Made for the first update, when whatever the weights were read from is gone. */
    private @Nullable Moments moments;
    private final NDArray steps;
    private final FloatBuffer stepCount;
    private long version;

    /** AdamW's, of what is trained. */
    private record Moments(TorchWeights first, TorchWeights second) {}

    private TorchPolicy(TorchDecoder decoder) {
        this.decoder = decoder;
        training = decoder.manager().newSubManager();
        merge();
        steps = decoder.manager().zeros(new Shape(1));
        stepCount = steps.toByteBuffer(true).order(ByteOrder.nativeOrder()).asFloatBuffer();
        // nothing that lives longer than a call may be added from here on, but to `training`
        decoder.manager().cap();
    }

    /** As {@link #open(ModelConfig, Weights, TorchPolicySettings, long)} for a policy without adapters. */
    public static TorchPolicy open(ModelConfig config, Weights initial, TorchPolicySettings settings) {
        return open(config, initial, settings, 0);
    }

    /**
     * @param initial copied
     * @param seed of the adapters' first values
     */
    public static TorchPolicy open(ModelConfig config, Weights initial, TorchPolicySettings settings, long seed) {
        TorchDecoder decoder = new TorchDecoder("policy", config, initial, settings, seed);
        try {
            return new TorchPolicy(decoder);
        } catch (RuntimeException | Error e) {
            decoder.close();
            throw e;
        }
    }

    /**
     * The same policy, whose passes over sequences end between two micro-batches with a
     * {@link java.util.concurrent.CancellationException} once this is true. Weights, moments and gradients are then as before.
     *
     * @param stopRequested asked on the policy's threads
     */
    public TorchPolicy until(BooleanSupplier stopRequested) {
        decoder.until(stopRequested);
        return this;
    }

    @Override
    public ModelConfig config() {
        return decoder.config();
    }

    @Override
    public Weights weights() {
        return decoder.weights();
    }

    @Override
    public @Nullable Adapter adapter() {
        TorchAdapters adapters = decoder.adapters();
        return adapters == null ? null : new Adapter(adapters.settings(), adapters.values());
    }

    @Override
    public @Nullable ReferencePolicy withoutAdapter() {
        return decoder.adapters() == null ? null : TorchReferencePolicy.of(decoder);
    }

    @Override
    public long version() {
        return version;
    }

    @Override
    public List<TokenScores> score(List<int[]> tokens, int[] promptLength, boolean[][] chosen, double temperature) {
        return decoder.score(tokens, promptLength, chosen, temperature);
    }

    @Override
    public UpdateReport update(List<TrainingSequence> sequences, Objective objective, OptimizerStep step) {
        return update(sequences, objective, step, Coverage.KEPT);
    }

    UpdateReport update(List<TrainingSequence> sequences, Objective objective, OptimizerStep step, Coverage coverage) {
        Accumulated accumulated = accumulate(sequences, objective, coverage);
        double loss = accumulated.statistics[0];
        double norm;
        try {
            norm = decoder.worker(0).call(() -> apply(step, loss));
        } catch (RuntimeException | Error e) {
            discard();
            throw e;
        }
        if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
            throw new D3sException(ErrorCategory.USER, "loss_not_finite",
                    "The " + (Double.isFinite(loss) ? "gradient norm" : "loss") + " became " + (Double.isFinite(loss)
                            ? norm
                            : loss)
                            + "; the weights are as before. Lower the learning rate (now " + step.learningRate()
                            + "), clip the gradient to a smaller norm, or check the rewards.");
        }
        version++;
        return accumulated.report(norm, version);
    }

    /** Leaves the gradient of the loss in {@link #gradients}. When it fails, they are zero. */
    Accumulated accumulate(List<TrainingSequence> sequences, Objective objective, Coverage coverage) {
        List<KeptTokens> kept = sequences.stream().map(sequence -> KeptTokens.of(sequence, coverage)).toList();
        check(sequences, kept, objective);
        double[] logRatios = logRatios(sequences, objective);
        MicroBatchPlan plan = decoder.plan(kept);
        for (int worker = gradients.size(); worker <= Arrays.stream(plan.worker()).max().orElse(0); worker++) {
            gradients.add(TorchWeights.zeros(training, decoder.trained().parameters(), "gradients" + worker + "[]"));
        }
        List<CompletableFuture<double[]>> running = new ArrayList<>();
        for (int index = 0; index < plan.microBatches().size(); index++) {
            int[] members = plan.microBatches().get(index);
            int worker = plan.worker()[index];
            running.add(decoder.submit(worker,
                    () -> accumulate(sequences, kept, logRatios, members, objective, worker)));
        }
        double[] statistics = new double[SUMS + MAXIMA];
        try {
            TorchWorker.awaitAll(running).forEach(part -> add(part, statistics));
        } catch (RuntimeException | Error e) {
            discard();
            throw e;
        }
        return Accumulated.of(sequences, kept, plan, statistics);
    }

    /** One micro-batch, on its worker. */
    private double[] accumulate(List<TrainingSequence> sequences, List<KeptTokens> kept, double[] logRatios,
            int[] members, Objective objective, int worker) {
        MicroBatch batch = MicroBatch.of(kept, members);
        try (DecoderProgram.Call call = decoder.program().call("accumulate")) {
            batch.into(call.list(decoder.tensors()).list(gradients.get(worker).tensors()))
                .floats(terms(sequences, kept, logRatios, members, batch.kept().length), TERMS, batch.kept().length)
                .rotary(batch.length())
                .settings(settings(objective, decoder.settings().logitsRows(config())));
            return call.run().toDoubleArray();
        }
    }

    /**
     * The program's settings.
     *
     * @param rows of the lm_head at a time
     */
    static double[] settings(Objective objective, int rows) {
        return switch (objective) {
            case Objective.CrossEntropy cross -> new double[]{cross.temperature(), rows, 0, 0, 0, 0, 0};
            case Objective.ClippedRatio ratio -> settings(ratio, rows, 1);
            case Objective.SequenceRatio ratio -> settings(ratio, rows, 2);
            case Objective.ClippedWeight weight -> settings(weight, rows, 3);
        };
    }

    private static double[] settings(Objective.PolicyGradient objective, int rows, int kind) {
        return new double[]{objective.temperature(), rows, kind, objective.clipLow(), objective.clipHigh(),
                objective.klBeta(), objective.importanceCap()};
    }

    /**
     * The log of each sequence's ratio, mean(policyLogprobs - oldLogprobs) over its whole completion: what an objective on
     * sequences has to know before a micro-batch can be computed. It is 0 in the first update of a batch of rollouts; in
     * later ones it takes a pass over all completion tokens without gradients.
     */
    private double[] logRatios(List<TrainingSequence> sequences, Objective objective) {
        double[] logRatios = new double[sequences.size()];
        if (!(objective instanceof Objective.SequenceRatio)) {
            return logRatios;
        }
        int[] later = IntStream.range(0, logRatios.length)
            .filter(index -> sequences.get(index).oldLogprobs() != null)
            .toArray();
        List<TokenScores> scores = score(Arrays.stream(later).mapToObj(index -> sequences.get(index).tokens()).toList(),
                Arrays.stream(later).map(index -> sequences.get(index).promptLength()).toArray(),
                objective.temperature());
        for (int index = 0; index < later.length; index++) {
            float[] policy = scores.get(index).logprobs();
            float[] old = Objects.requireNonNull(sequences.get(later[index]).oldLogprobs());
            double sum = 0;
            for (int token = 0; token < policy.length; token++) {
                sum += (double) policy[token] - old[token];
            }
            logRatios[later[index]] = sum / policy.length;
        }
        return logRatios;
    }

    /** The program's {@code [9][K]} terms of a micro-batch's kept tokens. */
    static float[] terms(List<TrainingSequence> sequences, List<KeptTokens> kept, double[] logRatios,
            int[] members, int count) {
        float[] terms = new float[TERMS * count];
        int next = 0;
        for (int member : members) {
            TrainingSequence sequence = sequences.get(member);
            for (int index : kept.get(member).kept()) {
                int token = index - sequence.promptLength();
                terms[next] = (float) sequence.advantage();
                terms[count + next] = sequence.lossWeight()[token];
                known(sequence.oldLogprobs(), token, terms, 2 * count + next, count);
                known(sequence.rolloutLogprobs(), token, terms, 4 * count + next, count);
                known(sequence.referenceLogprobs(), token, terms, 6 * count + next, count);
                terms[8 * count + next] = (float) logRatios[member];
                next++;
            }
        }
        return terms;
    }

    private static void known(float @Nullable [] values, int token, float[] terms, int at, int count) {
        if (values != null) {
            terms[at] = values[token];
            terms[at + count] = 1;
        }
    }

    private static void add(double[] part, double[] statistics) {
        for (int index = 0; index < SUMS; index++) {
            statistics[index] += part[index];
        }
        for (int index = SUMS; index < SUMS + MAXIMA; index++) {
            statistics[index] = Math.max(statistics[index], part[index]);
        }
    }

    /** Returns the gradient norm. Leaves weights and moments alone if it or the loss is not finite. */
    private double apply(OptimizerStep step, double loss) {
        Moments both = moments();
        for (TorchWeights part : gradients.subList(1, gradients.size())) {
            try (DecoderProgram.Call call = decoder.program().call("merge")) {
                call.list(gradients.getFirst().tensors()).list(part.tensors()).run();
            }
        }
        try (DecoderProgram.Call call = decoder.program().call("update")) {
            call.list(decoder.trained().tensors())
                .list(both.first.tensors())
                .list(both.second.tensors())
                .list(gradients.getFirst().tensors())
                .tensor(steps)
                .settings(step.learningRate(), step.weightDecay(), step.beta1(), step.beta2(), step.epsilon(),
                        step.maxGradNorm(), loss);
            double norm = call.run().getDouble();
            decoder.merge();
            return norm;
        }
    }

    private Moments moments() {
        Moments both = moments;
        if (both == null) {
            List<Parameter> trained = decoder.trained().parameters();
            both = new Moments(TorchWeights.zeros(training, trained, "firstMoments[]"),
                    TorchWeights.zeros(training, trained, "secondMoments[]"));
            moments = both;
        }
        return both;
    }

    /** Forgets what was accumulated. */
    void discard() {
        decoder.worker(0).call(() -> {
            for (TorchWeights part : gradients) {
                try (DecoderProgram.Call call = decoder.program().call("discard")) {
                    call.list(part.tensors()).run();
                }
            }
            return true;
        });
    }

    /** What was accumulated, summed over workers; for comparison with other ways of computing it. */
    float[][] accumulatedGradients() {
        List<Parameter> trained = decoder.trained().parameters();
        float[][] total = new float[trained.size()][];
        for (int index = 0; index < total.length; index++) {
            total[index] = new float[(int) trained.get(index).size()];
            for (TorchWeights part : gradients) {
                FloatBuffer values = part.values(index).asFloatBuffer();
                for (int at = 0; at < total[index].length; at++) {
                    total[index][at] += values.get(at);
                }
            }
        }
        return total;
    }

    private void check(List<TrainingSequence> sequences, List<KeptTokens> kept, Objective objective) {
        if (sequences.isEmpty()) {
            throw new IllegalArgumentException("An update needs at least one sequence");
        }
        for (int index = 0; index < sequences.size(); index++) {
            TrainingSequence sequence = sequences.get(index);
            if (sequence.lossWeight().length != sequence.completionLength() || sequence.promptLength() < 1) {
                throw new IllegalArgumentException("Sequence " + index + " has " + sequence.completionLength()
                        + " completion tokens after a prompt of " + sequence.promptLength() + ", but "
                        + sequence.lossWeight().length + " loss weights");
            }
            if (kept.get(index).kept().length == 0) {
                throw new IllegalArgumentException("Sequence " + index + " has no kept token");
            }
            if (objective instanceof Objective.PolicyGradient gradient && gradient.klBeta() != 0
                    && sequence.referenceLogprobs() == null) {
                throw new IllegalArgumentException("Sequence " + index + " has no referenceLogprobs for the KL term");
            }
            for (int token : sequence.tokens()) {
                if (token < 0 || token >= config().vocabularySize()) {
                    throw new IllegalArgumentException("Sequence " + index + " has token " + token
                            + " outside the vocabulary of " + config().vocabularySize());
                }
            }
        }
    }

    @Override
    public void saveOptimizer(Path directory) throws IOException {
        OptimizerFile.write(directory, saved(), (long) stepCount.get(0), version);
    }

    @Override
    public void loadOptimizer(Path directory) throws IOException {
        OptimizerFile.Counters counters = OptimizerFile.read(directory, saved());
        stepCount.put(0, (float) counters.steps());
        version = counters.version();
        merge();
    }

    /** Shows the present adapters in {@link #weights}. */
    void merge() {
        decoder.worker(0).call(() -> {
            decoder.merge();
            return true;
        });
    }

    /** What a continuation needs, by what the names of its tensors end in. Weights that are trained are in the checkpoint's model. */
    private Map<String, TorchWeights> saved() {
        Moments both = moments();
        Map<String, TorchWeights> saved = new LinkedHashMap<>();
        TorchAdapters adapters = decoder.adapters();
        if (adapters != null) {
            saved.put("", adapters.values());
        }
        saved.put(".first_moment", both.first);
        saved.put(".second_moment", both.second);
        return saved;
    }

    @Override
    public void close() {
        decoder.close();
    }

    /** What the micro-batches of a step found. */
    record Accumulated(double[] statistics, long keptTokens, long withRollout, long withReference, long computedTokens,
            long paddedTokens, int microBatches) {
        static Accumulated of(List<TrainingSequence> sequences, List<KeptTokens> kept, MicroBatchPlan plan,
                double[] statistics) {
            long keptTokens = 0;
            long withRollout = 0;
            long withReference = 0;
            for (TrainingSequence sequence : sequences) {
                int count = sequence.keptTokens();
                keptTokens += count;
                withRollout += sequence.rolloutLogprobs() == null ? 0 : count;
                withReference += sequence.referenceLogprobs() == null ? 0 : count;
            }
            return new Accumulated(statistics, keptTokens, withRollout, withReference,
                    kept.stream().mapToLong(KeptTokens::inputLength).sum(), plan.paddedTokens(),
                    plan.microBatches().size());
        }

        double loss() {
            return statistics[0];
        }

        UpdateReport report(double norm, long version) {
            return new UpdateReport(1, loss(), norm, keptTokens, computedTokens, paddedTokens, microBatches,
                    mean(1, keptTokens), mean(2, keptTokens), mean(3, withReference), mean(4, keptTokens),
                    statistics[SUMS], mean(5, withRollout), statistics[SUMS + 1], version);
        }

        private double mean(int sum, long count) {
            return count == 0 ? 0 : statistics[sum] / count;
        }
    }
}

package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.d3s.server.advantage.Advantages;
import dev.d3s.server.advantage.GroupRelativeAdvantage;
import dev.d3s.server.advantage.Scale;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.policy.torch.PaperObjectives.Rollout;
import dev.d3s.server.policy.torch.PaperObjectives.Sums;
import dev.d3s.server.policy.torch.TorchPolicy.Accumulated;
import dev.d3s.server.policy.torch.TorchPolicy.Coverage;
import dev.d3s.server.selection.LossWeights;
import dev.d3s.server.selection.LossWeights.Denominator;
import dev.d3s.server.training.ObjectiveSettings;

/**
 * The way of an update from rewards to loss and gradient (advantages, a selection, loss weights, the program) against the
 * papers' formulas, for every objective and every option that changes them.
 */
@SuppressWarnings("NullAway.Init") // set before all tests
class ObjectivesTest {
    private static final int MAX_TOKENS = 13;
    private static final ModelConfig CONFIG = ModelConfig.qwen2(29, 16, 2, 4, 2, 4, 24, 32, 10_000, 1e-6, true,
            List.of(0));

    private static NDManager manager;
    private static TorchWorker worker;
    private static DecoderProgram program;

    @BeforeAll
    static void load() {
        manager = TorchRuntime.newManager();
        worker = new TorchWorker("objectives", 1);
        program = new DecoderProgram(manager, CONFIG, new TorchPolicySettings(1, 1, 1, 1));
    }

    @AfterAll
    static void close() {
        worker.close();
        manager.close();
    }

    /** One combination of options. */
    private record Options(ObjectiveSettings settings, Denominator denominator, boolean old, boolean weighted) {
        static List<Options> of(ObjectiveSettings.Name name, double clipLow, double clipHigh) {
            List<Options> every = new ArrayList<>();
            for (double klBeta : new double[]{0, 0.3}) {
                for (double cap : new double[]{0, 1.1}) {
                    for (Denominator denominator : Denominator.values()) {
                        for (boolean old : new boolean[]{false, true}) {
                            for (boolean weighted : new boolean[]{false, true}) {
                                every.add(new Options(new ObjectiveSettings(name, clipLow, clipHigh, klBeta, cap),
                                        denominator, old, weighted));
                            }
                        }
                    }
                }
            }
            return every;
        }

        Scale scale() {
            return settings.name().defaultScale();
        }

        PaperObjectives paper() {
            return new PaperObjectives(settings.name().name().toLowerCase(Locale.ROOT).replace('_', '-'),
                    scale().name().toLowerCase(Locale.ROOT), denominator.name().toLowerCase(Locale.ROOT),
                    settings.clipLow(), settings.clipHigh(), settings.klBeta(), settings.importanceCap(), MAX_TOKENS);
        }
    }

    /** What production computes from the same rollouts. */
    private record Prepared(List<TrainingSequence> sequences, int[] rollout, Objective objective) {}

    /** Everything between grading and the update, as the training loop does it. */
    private static Prepared prepare(Options options, List<Rollout> rollouts, List<int[]> prompts,
            List<int[]> completions) {
        int groups = 1 + rollouts.stream().mapToInt(Rollout::group).max().orElseThrow();
        Advantages advantages = GroupRelativeAdvantage.of(rollouts.stream().mapToDouble(Rollout::reward).toArray(),
                rollouts.stream().mapToInt(Rollout::group).toArray(), groups, options.scale(), 1e-6);
        int[] selected = IntStream.range(0, rollouts.size()).filter(i -> rollouts.get(i).selected()).toArray();
        boolean[][] kept = Arrays.stream(selected).mapToObj(i -> rollouts.get(i).kept()).toArray(boolean[][]::new);
        float @Nullable [][] weight = options.weighted
                ? Arrays.stream(selected).mapToObj(i -> rollouts.get(i).weight()).toArray(float[][]::new)
                : null;
        LossWeights weights = LossWeights.of(kept, weight,
                options.settings.aggregation(options.denominator, MAX_TOKENS));
        List<TrainingSequence> sequences = new ArrayList<>();
        for (int row : weights.trained()) {
            int i = selected[row];
            Rollout rollout = rollouts.get(i);
            sequences.add(new TrainingSequence(tokens(prompts.get(i), completions.get(i)), prompts.get(i).length,
                    advantages.advantage()[i],
                    weights.weight()[row], rollout.rollout(), rollout.old(),
                    options.settings.klBeta() == 0 ? null : rollout.reference()));
        }
        return new Prepared(sequences, Arrays.stream(weights.trained()).map(row -> selected[row]).toArray(),
                options.settings.objective(1));
    }

    /** Rollouts with ragged lengths, failed graders, groups of one, and a selection that keeps this and that. */
    private static final class Batches {
        /** No mean of some of them is another: the sign of an advantage of 1e-17 is anyone's guess. */
        private static final double[] REWARDS = {0, 1, 2.9, 7.3};

        private final SplittableRandom random;
        private final Options options;
        private final double near;

        Batches(long seed, Options options, double near) {
            random = new SplittableRandom(seed);
            this.options = options;
            this.near = near;
        }

        List<Rollout> next() {
            int groups = random.nextInt(1, 5);
            List<Rollout> rollouts = new ArrayList<>();
            double share = random.nextInt(8) == 0 ? 0 : random.nextDouble(0.2, 1);
            for (int group = 0; group < groups; group++) {
                int size = random.nextInt(3) == 0 ? 1 : random.nextInt(2, 6);
                boolean equal = random.nextInt(4) == 0;
                for (int member = 0; member < size; member++) {
                    double reward = random.nextInt(6) == 0 ? Double.NaN : equal ? 0.5 : REWARDS[random.nextInt(4)];
                    rollouts.add(rollout(group, reward, share));
                }
            }
            return rollouts;
        }

        private Rollout rollout(int group, double reward, double share) {
            int length = random.nextInt(1, MAX_TOKENS + 1);
            boolean[] kept = new boolean[length];
            float[] weight = new float[length];
            double[] policy = new double[length];
            for (int t = 0; t < length; t++) {
                kept[t] = random.nextDouble() < share;
                weight[t] = (float) random.nextDouble(1, 6);
                policy[t] = (float) random.nextDouble(-4, -0.5);
            }
            return around(group, reward, !Double.isNaN(reward) && random.nextInt(4) > 0, kept, weight, policy);
        }

        /** With log-probabilities near those of the policy, and no ratio so near a clip that fp32 could decide otherwise. */
        Rollout around(int group, double reward, boolean selected, boolean[] kept, float[] weight, double[] policy) {
            PaperObjectives paper = options.paper();
            while (true) {
                float @Nullable [] old = options.old ? old(policy) : null;
                double[] start = policy.clone();
                for (int t = 0; t < start.length; t++) {
                    start[t] = old == null ? policy[t] : old[t];
                }
                Rollout rollout = new Rollout(group, reward, selected, kept, options.weighted ? weight : null, policy,
                        old, noisy(start, 0.2), noisy(policy, 0.7));
                if (IntStream.range(0, policy.length).allMatch(t -> clear(paper.ratio(rollout, t)))) {
                    return rollout;
                }
            }
        }

        private boolean clear(double ratio) {
            double margin = options.settings.clipLow() / 20;
            return Math.abs(ratio - 1 + options.settings.clipLow()) > margin
                    && Math.abs(ratio - 1 - options.settings.clipHigh()) > margin;
        }

        /** Tokens far from the policy, sequences as near as asked for. */
        private float[] old(double[] policy) {
            float[] old = noisy(policy, options.settings.name() == ObjectiveSettings.Name.CISPO ? 1.2 : 0.4);
            if (options.settings.name() == ObjectiveSettings.Name.GSPO) {
                double mean = 0;
                for (int t = 0; t < old.length; t++) {
                    mean += (policy[t] - old[t]) / old.length;
                }
                double wanted = near * random.nextGaussian();
                for (int t = 0; t < old.length; t++) {
                    old[t] += (float) (mean - wanted);
                }
            }
            return old;
        }

        private float[] noisy(double[] centre, double spread) {
            float[] values = new float[centre.length];
            for (int t = 0; t < values.length; t++) {
                values[t] = (float) (centre[t] + spread * random.nextGaussian());
            }
            return values;
        }
    }

    private record Found(double[] sums, double[] maxima, float[] derivative) {}

    /** The program's objective on all kept tokens at once. */
    private static Found objective(Prepared prepared, List<Rollout> rollouts) {
        List<KeptTokens> kept = prepared.sequences.stream()
            .map(one -> KeptTokens.weighted(one.tokens(), one.promptLength(), one.lossWeight()))
            .toList();
        int count = kept.stream().mapToInt(one -> one.kept().length).sum();
        float[] logprobs = new float[count];
        double[] logRatios = new double[kept.size()];
        int next = 0;
        for (int index = 0; index < kept.size(); index++) {
            Rollout rollout = rollouts.get(prepared.rollout[index]);
            logRatios[index] = Math.log(PaperObjectives.sequenceRatio(rollout));
            for (int token : kept.get(index).kept()) {
                logprobs[next++] = (float) rollout.policy()[token - prepared.sequences.get(index).promptLength()];
            }
        }
        float[] terms = TorchPolicy.terms(prepared.sequences, kept, logRatios,
                IntStream.range(0, kept.size()).toArray(), count);
        return worker.call(() -> {
            try (DecoderProgram.Call call = program.call("objective")) {
                List<NDArray> results = call.floats(logprobs, count)
                    .floats(terms, terms.length / count, count)
                    .settings(TorchPolicy.settings(prepared.objective, 100))
                    .runAll();
                return new Found(results.get(0).toDoubleArray(), results.get(1).toDoubleArray(),
                        results.get(2).toFloatArray());
            }
        });
    }

    /** What random data has to contain for the comparison to mean something. */
    private static final class Seen {
        private int batches;
        private int empty;
        private int failed;
        private int single;
        private int untrained;
        private double low;
        private double high;
        private double unclipped;

        void add(List<Rollout> rollouts, Prepared prepared, Sums sums) {
            batches++;
            failed += (int) rollouts.stream().filter(rollout -> Double.isNaN(rollout.reward())).count();
            single += (int) rollouts.stream()
                .filter(one -> rollouts.stream().filter(other -> other.group() == one.group()).count() == 1)
                .count();
            empty += prepared.sequences.isEmpty() ? 1 : 0;
            untrained += (int) rollouts.stream().filter(Rollout::selected).count() - prepared.sequences.size();
            low += sums.clippedLow();
            high += sums.clippedHigh();
            unclipped += sums.tokens() - sums.clippedLow() - sums.clippedHigh();
        }

        void check() {
            assertThat(List.of(batches - empty, empty, failed, single, untrained)).as("kinds of batches")
                .allSatisfy(count -> assertThat(count).isPositive());
            assertThat(List.of(low, high, unclipped)).as("tokens clipped on either side and not")
                .allSatisfy(count -> assertThat(count).isGreaterThan(20));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldEqualThePapers(ObjectiveSettings.Name name) {
        Seen seen = new Seen();
        // no lower bound is cispo's default; a bound shows more
        double clipLow = name == ObjectiveSettings.Name.CISPO ? 0.7 : name.defaultClipLow();
        long seed = 1;
        for (Options options : Options.of(name, clipLow, name.defaultClipHigh())) {
            Batches batches = new Batches(seed++, options, 6e-4);
            for (int count = 0; count < 12; count++) {
                shouldEqualThePaper(options, batches.next(), seen);
            }
        }
        seen.check();
    }

    private static void shouldEqualThePaper(Options options, List<Rollout> rollouts, Seen seen) {
        PaperObjectives paper = options.paper();
        List<int[]> tokens = rollouts.stream().map(rollout -> new int[rollout.length()]).toList();
        Prepared prepared = prepare(options, rollouts, rollouts.stream().map(rollout -> new int[1]).toList(), tokens);
        Sums expected = paper.sums(rollouts);
        seen.add(rollouts, prepared, expected);
        double loss = paper.loss(rollouts);
        double[][] derivative = paper.derivative(rollouts);
        if (prepared.sequences.isEmpty()) {
            assertThat(loss).as("%s", options).isZero();
            assertThat(expected.tokens()).isZero();
            return;
        }
        Found found = objective(prepared, rollouts);
        int[] count = {0};
        for (int index = 0; index < prepared.rollout.length; index++) {
            Rollout rollout = rollouts.get(prepared.rollout[index]);
            for (int t = 0; t < rollout.length(); t++) {
                double slope = derivative[prepared.rollout[index]][t];
                if (rollout.kept()[t]) {
                    assertThat((double) found.derivative[count[0]++]).as("derivative, %s", options)
                        .isCloseTo(slope, within(1e-7 + 1e-5 * Math.abs(slope)));
                    derivative[prepared.rollout[index]][t] = 0;
                }
            }
        }
        assertThat(derivative).as("nothing else has a gradient").isDeepEqualTo(zeros(derivative));
        assertThat(found.sums[0]).as("loss, %s", options).isCloseTo(loss, within(1e-6 + 1e-5 * Math.abs(loss)));
        shouldBeThose(expected, found.sums, found.maxima, options);
    }

    private static void shouldBeThose(Sums expected, double[] sums, double[] maxima, Options options) {
        assertThat(sums[1]).as("clipped low, %s", options).isEqualTo(expected.clippedLow());
        assertThat(sums[2]).as("clipped high, %s", options).isEqualTo(expected.clippedHigh());
        if (options.settings.klBeta() != 0) {
            assertThat(sums[3]).as("k3, %s", options).isCloseTo(expected.divergence(), relative(expected.divergence()));
        }
        assertThat(sums[4]).as("ratio, %s", options).isCloseTo(expected.ratio(), relative(expected.ratio()));
        assertThat(sums[5]).as("gap, %s", options).isCloseTo(expected.gap(), relative(expected.gap()));
        assertThat(maxima[0]).as("largest ratio").isCloseTo(expected.ratioMax(), relative(expected.ratioMax()));
        assertThat(maxima[1]).as("largest gap").isCloseTo(expected.gapMax(), relative(expected.gapMax()));
    }

    private static Offset<Double> relative(double value) {
        return within(1e-5 * Math.max(1, Math.abs(value)));
    }

    private static double[][] zeros(double[][] like) {
        return Arrays.stream(like).map(row -> new double[row.length]).toArray(double[][]::new);
    }

    /** All tokens kept: the terms of gspo have the value and the gradient of the paper's sequence form. */
    @Test
    void shouldBeTheSequenceFormOfGspoWhereEveryTokenIsKept() {
        Options options = new Options(new ObjectiveSettings(ObjectiveSettings.Name.GSPO, 3e-4, 4e-4, 0, 0),
                Denominator.KEPT, true, false);
        PaperObjectives paper = options.paper();
        Batches batches = new Batches(77, options, 6e-4);
        int compared = 0;
        for (int count = 0; count < 40; count++) {
            List<Rollout> rollouts = batches.next();
            rollouts.forEach(rollout -> Arrays.fill(rollout.kept(), true));
            Prepared prepared = prepare(options, rollouts, rollouts.stream().map(rollout -> new int[1]).toList(),
                    rollouts.stream().map(rollout -> new int[rollout.length()]).toList());
            if (prepared.sequences.isEmpty()) {
                continue;
            }
            Found found = objective(prepared, rollouts);
            assertThat(found.sums[0]).isCloseTo(paper.sequenceLoss(rollouts), within(1e-6));
            int next = 0;
            for (int index : prepared.rollout) {
                Rollout rollout = rollouts.get(index);
                for (int t = 0; t < rollout.length(); t++) {
                    double step = 1e-6;
                    List<Rollout> moved = new ArrayList<>(rollouts);
                    double[] policy = rollout.policy().clone();
                    policy[t] += step;
                    moved.set(index, rollout.withPolicy(policy));
                    double above = paper.sequenceLoss(moved);
                    policy[t] -= 2 * step;
                    double slope = (above - paper.sequenceLoss(moved)) / (2 * step);
                    assertThat((double) found.derivative[next++]).isCloseTo(slope,
                            within(1e-7 + 1e-5 * Math.abs(slope)));
                    compared++;
                }
            }
        }
        assertThat(compared).isGreaterThan(500);
    }

    /**
     * With a decoder: the second update of a batch of rollouts, whose ratios come from the first, has the loss that the
     * papers' formulas give for the log-probabilities that an independent decoder finds, and its gradient.
     */
    @ParameterizedTest
    @EnumSource
    void shouldEqualThePapersInALaterUpdate(ObjectiveSettings.Name name) {
        Options options = new Options(new ObjectiveSettings(name, name == ObjectiveSettings.Name.GSPO ? 0.02 : 0.1,
                name == ObjectiveSettings.Name.GSPO ? 0.03 : 0.15, 0.2, 1.1), Denominator.KEPT, true, true);
        SplittableRandom random = new SplittableRandom(31);
        List<int[]> prompts = new ArrayList<>();
        List<int[]> completions = new ArrayList<>();
        for (int index = 0; index < 20; index++) {
            prompts.add(random.ints(random.nextInt(1, 6), 0, CONFIG.vocabularySize()).toArray());
            completions.add(random.ints(random.nextInt(1, MAX_TOKENS + 1), 0, CONFIG.vocabularySize()).toArray());
        }
        try (TorchPolicy policy = TorchPolicy.open(CONFIG, RandomWeights.of(CONFIG, 3),
                new TorchPolicySettings(2, 1, 60, 4_000))) {
            List<Rollout> start = new ArrayList<>();
            for (int index = 0; index < prompts.size(); index++) {
                int length = completions.get(index).length;
                boolean[] kept = new boolean[length];
                float[] weight = new float[length];
                for (int t = 0; t < length; t++) {
                    kept[t] = random.nextBoolean();
                    weight[t] = (float) random.nextDouble(1, 4);
                }
                float[] old = score(policy, prompts.get(index), completions.get(index));
                float[] rollout = old.clone();
                float[] reference = old.clone();
                for (int t = 0; t < length; t++) {
                    rollout[t] += (float) (0.1 * random.nextGaussian());
                    reference[t] += (float) (0.5 * random.nextGaussian());
                }
                start.add(new Rollout(index / 5,
                        random.nextInt(9) == 0 ? Double.NaN : Batches.REWARDS[random.nextInt(4)], true, kept,
                        weight, new double[length], old, rollout, reference));
            }
            List<Rollout> graded = start.stream()
                .map(one -> new Rollout(one.group(), one.reward(), !Double.isNaN(one.reward()), one.kept(),
                        one.weight(),
                        one.policy(), one.old(), one.rollout(), one.reference()))
                .toList();
            Prepared prepared = prepare(options, graded, prompts, completions);
            // the same sequences with old = null: the first update of the batch
            UpdateReport first = policy.update(prepared.sequences.stream()
                .map(one -> new TrainingSequence(one.tokens(), one.promptLength(), one.advantage(), one.lossWeight(),
                        one.rolloutLogprobs(), null, one.referenceLogprobs()))
                .toList(), prepared.objective, OptimizerStep.of(0.02));
            assertThat(first.ratioMean()).isEqualTo(1);
            assertThat(first.ratioMax()).isEqualTo(1);

            try (NDArrayDecoder decoder = new NDArrayDecoder(CONFIG, policy.weights())) {
                List<Rollout> now = new ArrayList<>();
                for (int index = 0; index < graded.size(); index++) {
                    double[] logprobs = decoder.logprobs(tokens(prompts.get(index), completions.get(index)),
                            prompts.get(index).length, 1);
                    now.add(graded.get(index).withPolicy(logprobs));
                }
                Accumulated accumulated = policy.accumulate(prepared.sequences, prepared.objective, Coverage.KEPT);
                PaperObjectives paper = options.paper();
                assertThat(accumulated.loss()).isCloseTo(paper.loss(now), relative(paper.loss(now)));
                Sums sums = paper.sums(now);
                assertThat(List.of(sums.clippedLow(), sums.clippedHigh(),
                        sums.tokens() - sums.clippedLow() - sums.clippedHigh()))
                    .as("clipped on either side and not")
                    .allSatisfy(count -> assertThat(count).isPositive());
                shouldBeThose(sums, Arrays.copyOf(accumulated.statistics(), 6),
                        Arrays.copyOfRange(accumulated.statistics(), 6, 8), options);
                float[][] gradients = policy.accumulatedGradients();
                double[][] expected = decoder.gradients(prepared.sequences, prepared.objective).gradients();
                for (int index = 0; index < gradients.length; index++) {
                    double error = 0;
                    double norm = 0;
                    for (int at = 0; at < expected[index].length; at++) {
                        error += Math.pow(gradients[index][at] - expected[index][at], 2);
                        norm += Math.pow(expected[index][at], 2);
                    }
                    assertThat(Math.sqrt(error / norm)).as("parameter " + index).isLessThan(1e-5);
                }
            }
        }
    }

    private static int[] tokens(int[] prompt, int[] completion) {
        return IntStream.concat(Arrays.stream(prompt), Arrays.stream(completion)).toArray();
    }

    private static float[] score(TorchPolicy policy, int[] prompt, int[] completion) {
        return policy.score(List.of(tokens(prompt, completion)), new int[]{prompt.length}, 1).getFirst().logprobs();
    }
}

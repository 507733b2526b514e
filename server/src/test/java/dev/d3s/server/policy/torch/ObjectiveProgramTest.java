package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.d3s.server.model.ModelConfig;

/** The program's objective, token by token, against the formula in plain Java and double precision. */
@SuppressWarnings("NullAway.Init") // set before all tests
class ObjectiveProgramTest {
    private static final double LOW = 0.2;
    private static final double HIGH = 0.28;
    private static final double BETA = 0.3;
    private static final double CAP = 2;

    private static NDManager manager;
    private static TorchWorker worker;
    private static DecoderProgram program;

    @BeforeAll
    static void load() {
        manager = TorchRuntime.newManager();
        worker = new TorchWorker("objective", 1);
        program = new DecoderProgram(manager,
                ModelConfig.qwen2(8, 8, 1, 2, 2, 4, 8, 8, 10_000, 1e-6, true, List.of(0)),
                new TorchPolicySettings(1, 1, 1, 1));
    }

    @AfterAll
    static void close() {
        worker.close();
        manager.close();
    }

    /** What one token contributes. */
    record Token(double logprob, double advantage, double weight, @Nullable Double old, @Nullable Double rollout,
            @Nullable Double reference) {
        double olds() {
            return old == null ? logprob : old;
        }

        double logRatio() {
            return logprob - olds();
        }

        double ratio() {
            return Math.exp(Math.clamp(logRatio(), -20, 20));
        }

        double clipped() {
            return Math.clamp(ratio(), 1 - LOW, 1 + HIGH);
        }

        double importance() {
            return rollout == null ? 1 : Math.min(Math.exp(Math.clamp(olds() - rollout, -20, 20)), CAP);
        }

        double difference() {
            return reference == null ? 0 : Math.clamp(reference - logprob, -20, 20);
        }

        double divergence() {
            return Math.exp(difference()) - difference() - 1;
        }

        double loss() {
            return weight * (importance() * -Math.min(ratio() * advantage, clipped() * advantage)
                    + BETA * divergence());
        }

        double derivative() {
            boolean unclipped = ratio() * advantage <= clipped() * advantage;
            boolean inRange = Math.abs(logRatio()) < 20;
            double surrogate = unclipped && inRange ? -ratio() * advantage : 0;
            double kl = reference == null || Math.abs(reference - logprob) > 20 ? 0 : 1 - Math.exp(difference());
            return weight * (importance() * surrogate + BETA * kl);
        }

        double gap() {
            return rollout == null ? 0 : Math.abs(olds() - rollout);
        }
    }

    record Found(double[] sums, float[] maxima, float[] derivative) {}

    @Test
    void shouldClipHighOnlyForPositiveAdvantages() {
        Token good = new Token(-1, 1, 1, -2.0, null, null);
        Token bad = new Token(-1, -1, 1, -2.0, null, null);
        Found found = shouldEqualTheFormula(good, bad);
        assertThat(found.sums[1]).isZero();
        assertThat(found.sums[2]).isEqualTo(1);
        assertThat(found.derivative[0]).isZero();
        assertThat(found.derivative[1]).isCloseTo((float) Math.E, within(1e-5f));
    }

    @Test
    void shouldClipLowOnlyForNegativeAdvantages() {
        Token good = new Token(-3, 1, 1, -2.0, null, null);
        Token bad = new Token(-3, -1, 1, -2.0, null, null);
        Found found = shouldEqualTheFormula(good, bad);
        assertThat(found.sums[1]).isEqualTo(1);
        assertThat(found.sums[2]).isZero();
        assertThat(found.derivative[0]).isCloseTo((float) -Math.exp(-1), within(1e-6f));
        assertThat(found.derivative[1]).isZero();
    }

    @Test
    void shouldTakeThePolicyForUnknownOldLogprobs() {
        Token token = new Token(-3, 2, 0.5, null, -3.5, null);
        Found found = shouldEqualTheFormula(token);
        assertThat(found.sums[4]).isEqualTo(1);
        assertThat(found.derivative[0]).isCloseTo((float) -Math.exp(0.5), within(1e-5f));
        assertThat(found.maxima[1]).isEqualTo(0.5f);
    }

    @Test
    void shouldCapTheImportanceCorrection() {
        shouldEqualTheFormula(new Token(-1, 1, 1, -1.0, -9.0, null), new Token(-1, 1, 1, -1.0, -0.2, null));
    }

    @Test
    void shouldPullTowardsTheReference() {
        Token below = new Token(-3, 0, 1, -3.0, null, -1.0);
        Token above = new Token(-1, 0, 1, -1.0, null, -3.0);
        Found found = shouldEqualTheFormula(below, above);
        assertThat(found.derivative[0]).isNegative();
        assertThat(found.derivative[1]).isPositive();
    }

    @Test
    void shouldKeepASmallDivergenceExact() {
        Found found = shouldEqualTheFormula(new Token(-2, 0, 1, -2.0, null, -2.0 + 1e-3));
        assertThat(found.sums[3]).isCloseTo(5e-7, within(1e-9));
    }

    @Test
    void shouldStayFiniteForAbsurdRatios() {
        Found found = shouldEqualTheFormula(new Token(-0.1, 1, 1, -500.0, -900.0, -700.0),
                new Token(-500, -1, 1, -0.1, -0.1, -0.2));
        for (float derivative : found.derivative) {
            assertThat(derivative).isFinite();
        }
    }

    @Test
    void shouldIgnoreWhatWasDroppedEvenIfItIsNotANumber() {
        Token kept = new Token(-1, 1, 1, -1.1, -1.1, -1.2);
        Token dropped = new Token(Double.NaN, Double.NaN, 0, Double.NaN, Double.NaN, Double.NaN);
        Found alone = objective(kept);
        Found both = objective(kept, dropped);
        assertThat(both.sums).containsExactly(alone.sums);
        assertThat(both.maxima).containsExactly(alone.maxima);
        assertThat(both.derivative[0]).isEqualTo(alone.derivative[0]);
    }

    @Test
    void shouldEqualTheFormulaOnRandomTokens() {
        SplittableRandom random = new SplittableRandom(4);
        for (int round = 0; round < 200; round++) {
            Token[] tokens = new Token[random.nextInt(1, 12)];
            for (int index = 0; index < tokens.length; index++) {
                double logprob = near(random, -2, 1);
                Double old = random.nextInt(4) == 0 ? null : near(random, logprob, 0.4);
                tokens[index] = new Token(logprob, random.nextDouble(-2, 2), random.nextDouble(0.01, 1), old,
                        random.nextInt(4) == 0 ? null : near(random, logprob, 0.4),
                        random.nextInt(4) == 0 ? null : near(random, logprob, 1));
            }
            shouldEqualTheFormula(tokens);
        }
    }

    @Test
    void shouldBeTheWeightedCrossEntropy() {
        Token[] tokens = {new Token(-1, 7, 0.5, null, null, null), new Token(-4, 7, 0.25, null, null, null)};
        Found found = objective(new double[]{1, 100, 0, 0, 0, 0, 0}, tokens);
        assertThat(found.sums[0]).isCloseTo(1.5, within(1e-6));
        assertThat(found.derivative).containsExactly(-0.5f, -0.25f);
        assertThat(found.maxima).containsExactly(1, 0);
    }

    /** The sequence's log ratio and the clipped weight, where a ratio is absurd: finite, and without a gradient beyond e^20. */
    @Test
    void shouldClampTheRatiosOfTheOtherObjectivesToo() {
        Token token = new Token(-2, -1, 1, -3.0, null, null);
        for (float logRatio : new float[]{-25, -1, 1, 25}) {
            Found found = objective(settings(2, 0), new float[]{logRatio}, token);
            double ratio = Math.exp(Math.clamp(logRatio, -20, 20));
            boolean clipped = ratio < 1 - LOW;
            assertThat(found.sums[0]).isCloseTo(clipped ? 1 - LOW : ratio, within(1e-5 * Math.max(1, ratio)));
            assertThat((double) found.derivative[0]).isCloseTo(clipped || Math.abs(logRatio) > 20 ? 0 : ratio,
                    within(1e-5));
            assertThat(found.sums[1]).isEqualTo(clipped ? 1 : 0);
            assertThat(found.sums[4]).isCloseTo(ratio, within(1e-5 * Math.max(1, ratio)));
        }
        Found found = objective(settings(3, 0), new float[2], new Token(-0.1, -1, 1, -500.0, null, null),
                new Token(-500, -1, 1, -0.1, null, null));
        assertThat(found.derivative[0]).isCloseTo((float) (1 + HIGH), within(1e-6f));
        assertThat(found.derivative[1]).isCloseTo((float) (1 - LOW), within(1e-6f));
        assertThat(found.sums[1]).isEqualTo(1);
        assertThat(found.sums[2]).isEqualTo(1);
    }

    private static double near(SplittableRandom random, double centre, double spread) {
        return Math.min((float) (centre + spread * random.nextGaussian()), 0);
    }

    private static Found shouldEqualTheFormula(Token... tokens) {
        Found found = objective(tokens);
        double[] sums = new double[6];
        double largestRatio = 0;
        double largestGap = 0;
        for (int index = 0; index < tokens.length; index++) {
            Token token = tokens[index];
            sums[0] += token.loss();
            sums[1] += token.advantage() < 0 && token.ratio() < 1 - LOW ? 1 : 0;
            sums[2] += token.advantage() > 0 && token.ratio() > 1 + HIGH ? 1 : 0;
            sums[3] += token.divergence();
            sums[4] += token.ratio();
            sums[5] += token.gap();
            largestRatio = Math.max(largestRatio, token.ratio());
            largestGap = Math.max(largestGap, token.gap());
            assertThat((double) found.derivative[index]).as("derivative of " + token)
                .isCloseTo(token.derivative(), within(1e-5 * Math.max(1, Math.abs(token.derivative()))));
        }
        for (int index = 0; index < sums.length; index++) {
            assertThat(found.sums[index]).as("sum " + index)
                .isCloseTo(sums[index], within(1e-5 * Math.max(1, Math.abs(sums[index]))));
        }
        assertThat((double) found.maxima[0]).isCloseTo(largestRatio, within(1e-5 * largestRatio));
        assertThat((double) found.maxima[1]).isCloseTo(largestGap, within(1e-5 * Math.max(1, largestGap)));
        return found;
    }

    private static Found objective(Token... tokens) {
        return objective(settings(1, BETA), tokens);
    }

    private static double[] settings(int kind, double beta) {
        return new double[]{1, 100, kind, LOW, HIGH, beta, CAP};
    }

    private static Found objective(double[] settings, Token... tokens) {
        return objective(settings, new float[tokens.length], tokens);
    }

    private static Found objective(double[] settings, float[] sequenceLogRatio, Token... tokens) {
        int count = tokens.length;
        float[] logprobs = new float[count];
        float[] terms = new float[9 * count];
        for (int index = 0; index < count; index++) {
            Token token = tokens[index];
            logprobs[index] = (float) token.logprob;
            terms[index] = (float) token.advantage;
            terms[count + index] = (float) token.weight;
            @Nullable
            Double[] known = {token.old, token.rollout, token.reference};
            for (int kind = 0; kind < known.length; kind++) {
                if (known[kind] != null) {
                    terms[(2 + 2 * kind) * count + index] = known[kind].floatValue();
                    terms[(3 + 2 * kind) * count + index] = 1;
                }
            }
            terms[8 * count + index] = sequenceLogRatio[index];
        }
        return worker.call(() -> {
            try (DecoderProgram.Call call = program.call("objective")) {
                List<NDArray> results = call.floats(logprobs, count)
                    .floats(terms, 9, count)
                    .settings(settings)
                    .runAll();
                double[] maxima = results.get(1).toDoubleArray();
                return new Found(results.get(0).toDoubleArray(), new float[]{(float) maxima[0], (float) maxima[1]},
                        results.get(2).toFloatArray());
            }
        });
    }
}

package dev.d3s.plugins.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

import dev.d3s.plugins.testkit.SelectorContract.Call;
import dev.d3s.spi.TokenBatch;

/** Steps of jobs as a token selector sees them, the same in each run. */
final class TokenCalls {
    private static final double[] KEEP_RATIOS = {1, 0.5, 0.2, 1e-6};

    private final SplittableRandom random = new SplittableRandom(20260102);
    private final List<Call<TokenBatch>> calls = new ArrayList<>();

    private TokenCalls() {}

    static List<Call<TokenBatch>> all() {
        TokenCalls calls = new TokenCalls();
        SplittableRandom random = calls.random;
        IntToDoubleFunction signs = rollout -> rollout % 2 == 0 ? 0.9 : -1.1;
        DoubleSupplier entropies = () -> -Math.log(1 - random.nextDouble()) / 2;
        calls.add("one token", new int[]{1}, signs, entropies);
        calls.add("one rollout", new int[]{17}, signs, entropies);
        calls.add("rollouts of one token", lengths(random, 9, 1, 1), signs, entropies);
        calls.add("ragged completions", lengths(random, 12, 1, 40), rollout -> random.nextDouble(-2, 2), entropies);
        calls.add("one long completion among short ones", new int[]{2, 200, 1, 3}, signs, entropies);
        calls.add("equal entropies", lengths(random, 8, 3, 20), signs, () -> 0.5);
        calls.add("entropies of few values", lengths(random, 8, 3, 20), signs, () -> random.nextInt(3) / 2.0);
        calls.add("entropies of 0", lengths(random, 6, 1, 12), signs, () -> 0);
        calls.add("advantages of 0", lengths(random, 6, 1, 12), rollout -> 0, entropies);
        calls.add("a few advantages of 0", lengths(random, 9, 1, 12), rollout -> rollout % 3 - 1, entropies);
        calls.add("huge advantages", lengths(random, 6, 1, 12), rollout -> rollout % 2 == 0 ? 1e12 : -1e12, entropies);
        calls.add("a large batch", lengths(random, 256, 1, 64), signs, entropies);
        return calls.calls;
    }

    private static int[] lengths(SplittableRandom random, int rollouts, int from, int to) {
        return random.ints(rollouts, from, to + 1).toArray();
    }

    private void add(String name, int[] lengths, IntToDoubleFunction advantages, DoubleSupplier entropies) {
        float[][] entropy = new float[lengths.length][];
        float[][] logprob = new float[lengths.length][];
        for (int i = 0; i < lengths.length; i++) {
            entropy[i] = new float[lengths[i]];
            logprob[i] = new float[lengths[i]];
            for (int t = 0; t < lengths[i]; t++) {
                entropy[i][t] = (float) entropies.getAsDouble();
                // a distribution without entropy leaves no choice
                logprob[i][t] = entropy[i][t] == 0 ? 0 : (float) Math.log(1 - random.nextDouble());
            }
        }
        TokenBatch batch = new TokenBatch(IntStream.range(0, lengths.length).map(i -> i / 3).toArray(),
                IntStream.range(0, lengths.length).mapToDouble(advantages).toArray(), entropy, logprob);
        for (double keepRatio : KEEP_RATIOS) {
            calls
                .add(new Call<>(name, lengths.length + " rollouts, " + batch.tokenCount() + " tokens", batch, keepRatio,
                        random.nextLong()));
        }
    }
}

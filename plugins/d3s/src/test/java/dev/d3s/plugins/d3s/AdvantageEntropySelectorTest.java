package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.TokenBatch;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class AdvantageEntropySelectorTest {
    /** Few distinct entropies, so that ties are common. */
    private static TokenBatch batch(int rollouts, long seed) {
        Random random = new Random(seed);
        double[] advantage = new double[rollouts];
        float[][] entropy = new float[rollouts][];
        for (int i = 0; i < rollouts; i++) {
            advantage[i] = (random.nextInt(5) - 2) / 2.0;
            entropy[i] = new float[1 + random.nextInt(9)];
            for (int t = 0; t < entropy[i].length; t++) {
                entropy[i][t] = random.nextBoolean() ? random.nextInt(3) / 4f : random.nextFloat();
            }
        }
        return new TokenBatch(new int[rollouts], advantage, entropy, entropy);
    }

    @Property(tries = 300)
    void shouldKeepTheTopOfANaiveSort(@ForAll @IntRange(min = 1, max = 8) int rollouts, @ForAll long seed,
            @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio) {
        TokenBatch batch = batch(rollouts, seed);
        boolean[][] kept = new AdvantageEntropySelector(TokenScope.BATCH).select(batch, keepRatio, seed).kept();
        List<Double> all = new ArrayList<>();
        List<Double> chosen = new ArrayList<>();
        for (int i = 0; i < rollouts; i++) {
            assertThat(kept[i]).hasSameSizeAs(batch.entropy()[i]);
            collect(batch, kept, i, all, chosen);
        }
        checkTop(all, chosen, keepRatio);
    }

    @Property(tries = 300)
    void shouldKeepTheTopOfEachRolloutInRolloutScope(@ForAll @IntRange(min = 1, max = 8) int rollouts,
            @ForAll long seed, @ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio) {
        TokenBatch batch = batch(rollouts, seed);
        boolean[][] kept = new AdvantageEntropySelector(TokenScope.ROLLOUT).select(batch, keepRatio, seed).kept();
        for (int i = 0; i < rollouts; i++) {
            List<Double> all = new ArrayList<>();
            List<Double> chosen = new ArrayList<>();
            collect(batch, kept, i, all, chosen);
            checkTop(all, chosen, keepRatio);
        }
    }

    private static void collect(TokenBatch batch, boolean[][] kept, int i, List<Double> all, List<Double> chosen) {
        for (int t = 0; t < kept[i].length; t++) {
            double product = Math.abs(batch.advantage()[i]) * batch.entropy()[i][t];
            all.add(product);
            if (kept[i][t]) {
                chosen.add(product);
            }
        }
    }

    private static void checkTop(List<Double> all, List<Double> chosen, double keepRatio) {
        int wanted = Math.max(1, (int) Math.ceil(keepRatio * all.size() - 1e-9));
        all.sort(Comparator.reverseOrder());
        chosen.sort(Comparator.reverseOrder());
        assertThat(chosen).isEqualTo(all.subList(0, wanted));
    }

    @Test
    void shouldNotKeepOneMoreBecauseOfRounding() {
        float[][] entropy = {new float[100]};
        TokenBatch batch = new TokenBatch(new int[1], new double[]{1}, entropy, entropy);
        boolean[][] kept = new AdvantageEntropySelector(TokenScope.BATCH).select(batch, 0.07, 1).kept();
        assertThat(0.07 * 100).isGreaterThan(7);
        assertThat(count(kept[0])).isEqualTo(7);
    }

    /** 5 of 20 equal tokens, 4000 seeds: each is expected 1000 times. */
    @Test
    void shouldChooseFairlyAmongEqualProducts() {
        float[][] entropy = {new float[12], new float[8]};
        TokenBatch batch = new TokenBatch(new int[2], new double[]{1, -1}, entropy, entropy);
        int[] counts = new int[20];
        for (int seed = 0; seed < 4000; seed++) {
            boolean[][] kept = new AdvantageEntropySelector(TokenScope.BATCH).select(batch, 0.25, seed).kept();
            for (int t = 0; t < 20; t++) {
                counts[t] += (t < 12 ? kept[0][t] : kept[1][t - 12]) ? 1 : 0;
            }
        }
        double chiSquare = Arrays.stream(counts).mapToDouble(count -> Math.pow(count - 1000.0, 2) / 1000).sum();
        // without replacement: factor (20 - 5) / (20 - 1); 99.9 % quantile of chi2(19)
        assertThat(chiSquare / (15.0 / 19.0)).isLessThan(43.8);
    }

    @Property(tries = 50)
    void shouldGiveTheSameAnswerForTheSameArguments(@ForAll long seed, @ForAll TokenScope scope) {
        AdvantageEntropySelector selector = new AdvantageEntropySelector(scope);
        assertThat(selector.select(batch(6, seed), 0.3, seed).kept())
            .isDeepEqualTo(selector.select(batch(6, seed), 0.3, seed).kept());
    }

    private static int count(boolean[] kept) {
        int count = 0;
        for (boolean token : kept) {
            count += token ? 1 : 0;
        }
        return count;
    }
}

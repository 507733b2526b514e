package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class MaximumVarianceSubsetTest {
    @Property(tries = 600)
    void shouldReachTheVarianceOfTheBestOfAllSubsets(@ForAll("values") double[] values,
            @ForAll @IntRange(max = 12) int wanted, @ForAll long seed) {
        int size = Math.min(wanted, values.length);
        int[] kept = MaximumVarianceSubset.of(values, size, Split.VARIANCE, seed);
        assertThat(kept).hasSize(size).doesNotHaveDuplicates().isSorted();
        double best = 0;
        for (int bits = 0; bits < 1 << values.length; bits++) {
            if (Integer.bitCount(bits) == size) {
                int subset = bits;
                best = Math.max(best,
                        variance(IntStream.range(0, values.length)
                            .filter(i -> (subset >> i & 1) == 1)
                            .mapToDouble(i -> values[i])
                            .toArray()));
            }
        }
        double scale = Arrays.stream(values).map(Math::abs).max().orElse(0);
        assertThat(variance(Arrays.stream(kept).mapToDouble(i -> values[i]).toArray()))
            .isCloseTo(best, within(1e-10 * Math.max(1e-3, Math.max(best, scale))));
    }

    /** Many ties, several magnitudes. */
    @Provide
    Arbitrary<double[]> values() {
        Arbitrary<Double> few = Arbitraries.of(-1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0);
        Arbitrary<Double> any = Arbitraries.doubles().between(-4, 4);
        return Arbitraries.frequencyOf(net.jqwik.api.Tuple.of(3, few), net.jqwik.api.Tuple.of(1, any))
            .array(double[].class)
            .ofMinSize(1)
            .ofMaxSize(12);
    }

    @Test
    void shouldNotCancelWhenValuesAreLargeAndClose() {
        double[] values = {1e8 + 0.25, 1e8, 1e8 + 1, 1e8 + 0.5, 1e8 + 0.75};
        assertThat(MaximumVarianceSubset.of(values, 2, Split.VARIANCE, 7)).containsExactly(1, 2);
    }

    @Test
    void shouldTakeHalfFromEachEndWhenBalanced() {
        double[] values = {5, 4, 3, 0, 0, 0, -1, -2};
        assertThat(MaximumVarianceSubset.of(values, 4, Split.BALANCED, 1)).containsExactly(0, 1, 6, 7);
        boolean[] oddOneLow = new boolean[2];
        for (int seed = 0; seed < 64; seed++) {
            int[] kept = MaximumVarianceSubset.of(values, 3, Split.BALANCED, seed);
            assertThat(kept).contains(0, 7).containsAnyOf(1, 6);
            oddOneLow[Arrays.stream(kept).anyMatch(i -> i == 6) ? 1 : 0] = true;
        }
        assertThat(oddOneLow).containsExactly(true, true);
    }

    /** 4000 draws of 6 out of a tie of 12: each is expected 2000 times; chi-square with 11 degrees of freedom. */
    @Test
    void shouldChooseFairlyAmongEqualValues() {
        double[] values = new double[16];
        Arrays.fill(values, 0, 12, -0.5);
        Arrays.fill(values, 12, 16, 1.5);
        int[] counts = new int[16];
        int draws = 4000;
        for (int seed = 0; seed < draws; seed++) {
            int[] kept = MaximumVarianceSubset.of(values, 8, Split.VARIANCE, seed);
            Arrays.stream(kept).forEach(i -> counts[i]++);
        }
        // the optimum is 4 + 4
        assertThat(Arrays.copyOfRange(counts, 12, 16)).containsOnly(draws);
        double expected = draws * 4 / 12.0;
        double chiSquare = 0;
        for (int i = 0; i < 12; i++) {
            chiSquare += (counts[i] - expected) * (counts[i] - expected) / expected;
        }
        // drawing without replacement varies less than the multinomial: factor (12 - 4) / (12 - 1); 99.9 % quantile of chi2(11)
        assertThat(chiSquare / (8.0 / 11.0)).isLessThan(31.3);
    }

    /** {-1, -1, 1, 1}, keep 3: two low and one high is as good as one low and two high. */
    @Test
    void shouldChooseFairlyAmongEqualSplits() {
        double[] values = {-1, -1, 1, 1};
        Map<String, Integer> counts = new HashMap<>();
        int draws = 4000;
        for (int seed = 0; seed < draws; seed++) {
            counts.merge(Arrays.toString(MaximumVarianceSubset.of(values, 3, Split.VARIANCE, seed)), 1, Integer::sum);
        }
        assertThat(counts).hasSize(4);
        double chiSquare = counts.values().stream().mapToDouble(count -> Math.pow(count - draws / 4.0, 2)).sum()
                / (draws / 4.0);
        assertThat(chiSquare).isLessThan(16.3); // 99.9 % quantile of chi2(3)
    }

    @Property(tries = 100)
    void shouldGiveTheSameAnswerForTheSameArguments(@ForAll("values") double[] values, @ForAll long seed) {
        int size = (values.length + 1) / 2;
        assertThat(MaximumVarianceSubset.of(values.clone(), size, Split.VARIANCE, seed))
            .isEqualTo(MaximumVarianceSubset.of(values, size, Split.VARIANCE, seed));
    }

    private static double variance(double[] values) {
        if (values.length == 0) {
            return 0;
        }
        double mean = Arrays.stream(values).average().orElseThrow();
        return Arrays.stream(values).map(value -> (value - mean) * (value - mean)).sum() / values.length;
    }
}

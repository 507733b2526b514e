package dev.d3s.server.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class PassAtKTest {
    /** The share of all k-subsets of n completions, of which the first c pass, that have one that passes. */
    private static double counted(int n, int c, int k) {
        long subsets = 0;
        long passing = 0;
        for (int subset = 0; subset < 1 << n; subset++) {
            if (Integer.bitCount(subset) == k) {
                subsets++;
                passing += (subset & ((1 << c) - 1)) == 0 ? 0 : 1;
            }
        }
        return (double) passing / subsets;
    }

    private static BigInteger choose(int n, int k) {
        BigInteger result = BigInteger.ONE;
        for (int j = 0; j < k; j++) {
            result = result.multiply(BigInteger.valueOf(n - j)).divide(BigInteger.valueOf(j + 1));
        }
        return result;
    }

    @Test
    void shouldBeTheShareOfAllSubsetsThatPass() {
        for (int n = 1; n <= 12; n++) {
            for (int c = 0; c <= n; c++) {
                for (int k = 1; k <= n; k++) {
                    assertThat(PassAtK.estimate(n, c, k)).as("n %d, c %d, k %d", n, c, k)
                        .isCloseTo(counted(n, c, k), within(1e-15));
                }
            }
        }
    }

    @Property
    void shouldBeEquationOneOfThePaper(@ForAll @IntRange(min = 1, max = 4096) int n, @ForAll int anyC,
            @ForAll int anyK) {
        int c = Math.floorMod(anyC, n + 1);
        int k = 1 + Math.floorMod(anyK, n);
        BigDecimal exact = k > n - c
                ? BigDecimal.ONE
                : BigDecimal.ONE.subtract(new BigDecimal(choose(n - c, k))
                    .divide(new BigDecimal(choose(n, k)), MathContext.DECIMAL128));
        assertThat(PassAtK.estimate(n, c, k)).isCloseTo(exact.doubleValue(), within(1e-12));
    }

    @Property
    void shouldBeNothingWithoutAPassAndCertainWithOnlyPasses(@ForAll @IntRange(min = 1, max = 4096) int n,
            @ForAll int anyK) {
        int k = 1 + Math.floorMod(anyK, n);
        assertThat(PassAtK.estimate(n, 0, k)).isZero();
        assertThat(PassAtK.estimate(n, n, k)).isEqualTo(1);
        assertThat(PassAtK.estimate(n, 1, n)).isEqualTo(1);
    }

    @Property
    void shouldBeThePassingShareWithOneDrawAndRiseWithBoth(@ForAll @IntRange(min = 2, max = 500) int n,
            @ForAll int anyC, @ForAll int anyK) {
        int c = Math.floorMod(anyC, n);
        int k = 1 + Math.floorMod(anyK, n - 1);
        assertThat(PassAtK.estimate(n, c, 1)).isCloseTo((double) c / n, within(1e-14));
        assertThat(PassAtK.estimate(n, c, k + 1)).isGreaterThanOrEqualTo(PassAtK.estimate(n, c, k) - 1e-15);
        assertThat(PassAtK.estimate(n, c + 1, k)).isGreaterThanOrEqualTo(PassAtK.estimate(n, c, k) - 1e-15);
        assertThat(PassAtK.estimate(n, c, k)).isBetween(0.0, 1.0);
    }

    /** Over all outcomes of n tries, weighed by how likely they are, the estimate is what it estimates. */
    @Property(tries = 100)
    void shouldBeUnbiased(@ForAll @IntRange(min = 1, max = 14) int n, @ForAll int anyK,
            @ForAll @IntRange(min = 0, max = 100) int percent) {
        int k = 1 + Math.floorMod(anyK, n);
        double p = percent / 100.0;
        double expected = 0;
        for (int c = 0; c <= n; c++) {
            expected += choose(n, c).doubleValue() * Math.pow(p, c) * Math.pow(1 - p, n - c)
                    * PassAtK.estimate(n, c, k);
        }
        assertThat(expected).isCloseTo(1 - Math.pow(1 - p, k), within(1e-12));
    }

    @Test
    void shouldRefuseWhatCannotBe() {
        for (int[] wrong : new int[][]{{0, 0, 1}, {3, 4, 1}, {3, -1, 1}, {3, 1, 0}, {3, 1, 4}}) {
            assertThatThrownBy(() -> PassAtK.estimate(wrong[0], wrong[1], wrong[2]))
                .isInstanceOf(IllegalArgumentException.class);
        }
    }
}

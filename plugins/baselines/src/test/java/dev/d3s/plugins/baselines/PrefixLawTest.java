package dev.d3s.plugins.baselines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class PrefixLawTest {
    @Property(tries = 500)
    void shouldBeALawWithTheKeepRatioAsItsMean(@ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio,
            @ForAll @DoubleRange(max = 1) double whole, @ForAll @IntRange(min = 1, max = 300) int length) {
        PrefixLaw law = PrefixLaw.of(keepRatio, whole);
        assertThat(law.kept(1, length)).isEqualTo(1);
        double expected = 1;
        for (int t = 2; t <= length; t++) {
            assertThat(law.kept(t, length)).isBetween(whole * keepRatio * (1 - 1e-12), law.kept(t - 1, length));
            assertThat(law.kept(t, length)).isPositive();
            expected += law.kept(t, length);
        }
        assertThat(expected).isCloseTo(keepRatio * length, within(1.0));
        assertThat(expected / length).isLessThanOrEqualTo(1);
    }

    /** What the formula says of L, for a fine grid of U, counted. */
    @ParameterizedTest
    @CsvSource({"0.2, 0.5, 17", "0.5, 0, 12", "0.5, 0.25, 1", "0.75, 0.9, 40", "0.1, 0.1, 5"})
    void shouldBeTheLawOfTheRoundedPower(double keepRatio, double whole, int length) {
        double q = whole * keepRatio;
        double g = (1 - keepRatio) / (keepRatio * (1 - whole));
        int grid = 1_000_000;
        double[] atLeast = new double[length + 2];
        for (int i = 0; i < grid; i++) {
            double uniform = (i + 0.5) / grid;
            int cut = Math.max(1, (int) Math.round(length * Math.pow(uniform, g)));
            for (int t = 1; t <= cut; t++) {
                atLeast[t] += (1 - q) / grid;
            }
        }
        for (int t = 1; t <= length; t++) {
            assertThat(PrefixLaw.of(keepRatio, whole).kept(t, length)).isCloseTo(atLeast[t] + q, within(2e-6));
        }
    }

    /** L >= t exactly where u < p_t: a uniform u gives each token its probability. */
    @Property(tries = 300)
    void shouldCutWhereTheLawSays(@ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio,
            @ForAll @DoubleRange(max = 1) double whole, @ForAll @IntRange(min = 1, max = 60) int length) {
        PrefixLaw law = PrefixLaw.of(keepRatio, whole);
        for (int t = 1; t <= length; t++) {
            double kept = law.kept(t, length);
            assertThat(law.cut(length, Math.nextDown(kept))).isGreaterThanOrEqualTo(t);
            if (kept < 1) {
                assertThat(law.cut(length, kept)).isLessThan(t).isPositive();
            }
        }
    }

    /** Sum over L of P(L) * sum of x_t / p_t for t = 1 .. L, term by term. */
    @Property(tries = 300)
    void shouldBeUnbiased(@ForAll @DoubleRange(min = 0.01, max = 1) double keepRatio,
            @ForAll @DoubleRange(max = 1) double whole, @ForAll @IntRange(min = 1, max = 60) int length) {
        PrefixLaw law = PrefixLaw.of(keepRatio, whole);
        double[] terms = IntStream.range(0, length).mapToDouble(t -> Math.sin(3 * t + 1)).toArray();
        double expectation = 0;
        double total = 0;
        for (int cut = 1; cut <= length; cut++) {
            double probability = law.kept(cut, length) - (cut == length ? 0 : law.kept(cut + 1, length));
            double estimate = 0;
            for (int t = 1; t <= cut; t++) {
                estimate += terms[t - 1] / law.kept(t, length);
            }
            expectation += probability * estimate;
            total += terms[cut - 1];
        }
        assertThat(expectation).isCloseTo(total, within(1e-9));
    }

    @Test
    void shouldKeepEverythingAtAKeepRatioOfOne() {
        for (double whole : new double[]{0, 0.5, 1}) {
            PrefixLaw law = PrefixLaw.of(1, whole);
            assertThat(law.kept(9, 9)).isEqualTo(1);
            assertThat(law.cut(9, Math.nextDown(1.0))).isEqualTo(9);
        }
    }

    @Test
    void shouldKeepTheWholeOrOneTokenWhenAllIsSpentOnWholes() {
        PrefixLaw law = PrefixLaw.of(0.3, 1);
        assertThat(law.cut(9, 0.29)).isEqualTo(9);
        assertThat(law.cut(9, 0.31)).isEqualTo(1);
    }

    /** The table of the class comment, from the probabilities of all pairs. */
    @ParameterizedTest
    @CsvSource({"0.2, 0, 32.7, 5.08", "0.2, 0.25, 6.36, 3.86", "0.2, 0.5, 4.86, 3.63", "0.2, 0.75, 4.22, 3.66",
            "0.2, 1, 4.00, 3.99", "0.5, 0, 7.87, 1.00", "0.5, 0.25, 1.67, 0.82", "0.5, 0.5, 1.26, 0.81",
            "0.5, 0.75, 1.07, 0.86", "0.5, 1, 1.00, 1.00"})
    void shouldHaveTheVarianceThatIsWritten(double keepRatio, double whole, double uncorrelated, double equal) {
        int length = 1000;
        PrefixLaw law = PrefixLaw.of(keepRatio, whole);
        double single = 0;
        double estimate = 0;
        double mean = 0;
        double square = 0;
        for (int cut = 1; cut <= length; cut++) {
            double probability = law.kept(cut, length) - (cut == length ? 0 : law.kept(cut + 1, length));
            single += 1 / law.kept(cut, length) - 1;
            // of terms that are all 1
            estimate += 1 / law.kept(cut, length);
            mean += probability * estimate;
            square += probability * estimate * estimate;
        }
        double pairs = square - mean * mean;
        assertThat(single / length).isCloseTo(uncorrelated, within(uncorrelated > 10 ? 0.05 : 0.005));
        assertThat(pairs / length / length).isCloseTo(equal, within(0.005));
    }
}

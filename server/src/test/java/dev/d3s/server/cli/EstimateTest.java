package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EstimateTest {
    /** As printed in tables of Student's t distribution, two-sided 95 %. */
    @ParameterizedTest
    @CsvSource({"1, 12.706", "2, 4.303", "3, 3.182", "4, 2.776", "5, 2.571", "9, 2.262", "19, 2.093", "30, 2.042",
            "40, 2.021", "60, 2.000", "120, 1.980", "1000, 1.962"})
    void shouldKnowStudentsQuantiles(int degrees, double quantile) {
        assertThat(Estimate.studentQuantile(degrees)).isEqualTo(quantile, within(0.0005));
    }

    /** The share of the distribution beyond the quantile, by integrating its density over the angle atan(t / sqrt(degrees)). */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
            27, 28, 29, 30, 31, 32, 40, 100, 999})
    void shouldLeaveTheStatedShareOutside(int degrees) {
        double angle = Math.atan(Estimate.studentQuantile(degrees) / Math.sqrt(degrees));
        double inside = cosines(angle, degrees) / cosines(Math.PI / 2, degrees);
        assertThat(inside).isEqualTo(0.95, within(1e-6));
    }

    /** Integral of cos^(degrees - 1) from 0 to the angle, by Simpson's rule. */
    private static double cosines(double angle, int degrees) {
        int cells = 20_000;
        double sum = 0;
        for (int i = 0; i <= cells; i++) {
            double weight = i == 0 || i == cells ? 1 : i % 2 == 1 ? 4 : 2;
            sum += weight * Math.pow(Math.cos(angle * i / cells), degrees - 1);
        }
        return sum * angle / cells / 3;
    }

    @Test
    void shouldGiveMeanAndInterval() {
        // s = 2, t(2) = 4.302653: 4.302653 * 2 / sqrt(3)
        Estimate three = Estimate.of(List.of(1.0, 3.0, 5.0));
        assertThat(three.count()).isEqualTo(3);
        assertThat(three.mean()).isEqualTo(3);
        assertThat(three.halfWidth()).isEqualTo(4.968275, within(1e-6));
        assertThat(three.low()).isEqualTo(3 - 4.968275, within(1e-6));
        assertThat(three.high()).isEqualTo(3 + 4.968275, within(1e-6));
        assertThat(three.min()).isEqualTo(1);
        assertThat(three.max()).isEqualTo(5);
        // s = sqrt(0.5), t(1) = 12.706205: 12.706205 * 0.5
        assertThat(Estimate.of(List.of(0.0, 1.0)).halfWidth()).isEqualTo(6.3531025, within(1e-6));
        assertThat(Estimate.of(List.of(0.5, 0.5, 0.5)).halfWidth()).isZero();
    }

    @Test
    void shouldHaveNoIntervalOfOneValueAndNoMeanOfNone() {
        Estimate one = Estimate.of(List.of(2.0, Double.NaN, Double.POSITIVE_INFINITY));
        assertThat(one.count()).isEqualTo(1);
        assertThat(one.mean()).isEqualTo(2);
        assertThat(one.halfWidth()).isNaN();
        assertThat(Estimate.of(List.of()).mean()).isNaN();
    }
}

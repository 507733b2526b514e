package dev.d3s.server.cli;

import java.util.Arrays;
import java.util.List;

/**
 * A mean over seeds with its 95 % interval by Student's t: mean ± t(0.975, n - 1) * s / sqrt(n), s with ddof 1. It holds for seeds that are independent and
 * values that are about normal, which few seeds cannot show.
 *
 * @param count n, how many values there were
 * @param mean NaN without any
 * @param halfWidth of the interval; NaN for fewer than two values
 * @param min NaN without any
 * @param max NaN without any
 */
record Estimate(int count, double mean, double halfWidth, double min, double max) {
    /** Quantile 0.975 of the standard normal distribution. */
    private static final double NORMAL = 1.959963984540054;
    /** Quantile 0.975 of Student's t for 1 to 30 degrees of freedom. */
    private static final double[] STUDENT = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624,
            2.306004, 2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816,
            2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831,
            2.048407, 2.045230, 2.042272};

    /** What is not a number is left out. */
    static Estimate of(List<Double> values) {
        double[] finite = values.stream().mapToDouble(Double::doubleValue).filter(Double::isFinite).toArray();
        int count = finite.length;
        if (count == 0) {
            return new Estimate(0, Double.NaN, Double.NaN, Double.NaN, Double.NaN);
        }
        double mean = Arrays.stream(finite).sum() / count;
        double squares = Arrays.stream(finite).map(value -> (value - mean) * (value - mean)).sum();
        double halfWidth = count < 2
                ? Double.NaN
                : studentQuantile(count - 1) * Math.sqrt(squares / (count - 1) / count);
        return new Estimate(count, mean, halfWidth, Arrays.stream(finite).min().getAsDouble(),
                Arrays.stream(finite).max().getAsDouble());
    }

    double low() {
        return mean - halfWidth;
    }

    double high() {
        return mean + halfWidth;
    }

    /** Quantile 0.975 of Student's t: a table, and beyond it the expansion in 1 / degrees of Fisher and Cornish. */
    static double studentQuantile(int degrees) {
        if (degrees <= STUDENT.length) {
            return STUDENT[degrees - 1];
        }
        double z = NORMAL;
        double z2 = z * z;
        double first = z * (z2 + 1) / 4;
        double second = z * ((5 * z2 + 16) * z2 + 3) / 96;
        double third = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
        return z + first / degrees + second / ((double) degrees * degrees) + third / Math.pow(degrees, 3);
    }
}

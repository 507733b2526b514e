package dev.d3s.plugins.graders;

import java.math.BigDecimal;

/**
 * A real number of which is known that it is not farther from a decimal one than a radius.
 *
 * @param middle the decimal number
 * @param radius its logarithm to base 10, rounded up; {@link #EXACT} where the number is the decimal one
 */
record Ball(BigDecimal middle, double radius) {
    static final double EXACT = Double.NEGATIVE_INFINITY;
    static final Ball ZERO = of(0);
    static final Ball ONE = of(1);

    static Ball of(long whole) {
        return new Ball(BigDecimal.valueOf(whole), EXACT);
    }

    /** Logarithms to base 10 of a sum from those of its parts, all of them from above. */
    static double sum(double a, double b) {
        double large = Math.max(a, b);
        return large == EXACT ? EXACT : large + Math.log10(1 + Math.pow(10, Math.min(a, b) - large)) + 1e-9;
    }

    boolean isExact() {
        return radius == EXACT;
    }

    boolean isZero() {
        return isExact() && middle.signum() == 0;
    }

    /** The middle is less than 10 to this power, and not less than to the power below. */
    double size() {
        return middle.signum() == 0 ? EXACT : (double) middle.precision() - middle.scale();
    }

    /** The number is not larger than 10 to this power. */
    double bound() {
        return sum(size(), radius);
    }

    /** Of the number; 0 where that is 0 or not known. */
    int sign() {
        return middle.signum() != 0 && size() - 1 > radius ? middle.signum() : 0;
    }

    Ball negated() {
        return new Ball(middle.negate(), radius);
    }
}

package dev.d3s.plugins.graders;

import java.math.BigDecimal;
import java.math.MathContext;

import ch.obermuhlner.math.big.BigDecimalMath;

/** Elementary functions of decimal numbers, to a number of digits: those of big-math, which keeps constants for all threads. */
final class Functions {
    /** Each makes the argument of the arctangent half as large, where its series takes long. */
    private static final int HALVINGS = 6;

    private Functions() {}

    static BigDecimal pi(int digits) {
        return BigDecimalMath.pi(new MathContext(digits));
    }

    static BigDecimal exponential(BigDecimal of, int digits) {
        return BigDecimalMath.exp(of, new MathContext(digits));
    }

    static BigDecimal logarithm(BigDecimal of, int digits) {
        return BigDecimalMath.log(of, new MathContext(digits));
    }

    static BigDecimal sine(BigDecimal of, int digits) {
        return BigDecimalMath.sin(of, new MathContext(digits));
    }

    static BigDecimal cosine(BigDecimal of, int digits) {
        return BigDecimalMath.cos(of, new MathContext(digits));
    }

    static BigDecimal arctangent(BigDecimal of, int digits) {
        MathContext context = new MathContext(digits);
        BigDecimal small = of;
        for (int i = 0; i < HALVINGS; i++) {
            BigDecimal hypotenuse = BigDecimal.ONE.add(small.multiply(small, context), context).sqrt(context);
            small = small.divide(BigDecimal.ONE.add(hypotenuse), context);
        }
        return BigDecimalMath.atan(small, context).multiply(BigDecimal.valueOf(1L << HALVINGS), context);
    }

    /** Of a positive number. */
    static BigDecimal root(BigDecimal of, int degree, int digits) {
        MathContext context = new MathContext(digits);
        return degree == 2 ? of.sqrt(context) : BigDecimalMath.root(of, BigDecimal.valueOf(degree), context);
    }
}

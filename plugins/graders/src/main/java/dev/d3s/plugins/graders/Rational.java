package dev.d3s.plugins.graders;

import java.math.BigInteger;

/**
 * An exact fraction in lowest terms, so that equal numbers are equal records.
 *
 * @param numerator carries the sign
 * @param denominator positive
 */
record Rational(BigInteger numerator, BigInteger denominator) {
    Rational {
        if (denominator.signum() == 0) {
            throw new ArithmeticException("denominator 0");
        }
        BigInteger divisor = numerator.gcd(denominator).multiply(BigInteger.valueOf(denominator.signum()));
        numerator = numerator.divide(divisor);
        denominator = denominator.divide(divisor);
    }

    /** Digits with at most one decimal point, no sign. */
    static Rational ofDecimal(String digits) {
        int point = digits.indexOf('.');
        if (point < 0) {
            return new Rational(new BigInteger(digits), BigInteger.ONE);
        }
        int decimals = digits.length() - point - 1;
        return new Rational(new BigInteger(digits.substring(0, point) + digits.substring(point + 1)),
                BigInteger.TEN.pow(decimals));
    }

    Rational plus(Rational other) {
        return new Rational(
                numerator.multiply(other.denominator).add(other.numerator.multiply(denominator)),
                denominator.multiply(other.denominator));
    }

    /** @throws ArithmeticException when {@code other} is 0 */
    Rational over(Rational other) {
        return new Rational(numerator.multiply(other.denominator), denominator.multiply(other.numerator));
    }

    Rational negated() {
        return new Rational(numerator.negate(), denominator);
    }

    boolean isWhole() {
        return denominator.equals(BigInteger.ONE);
    }
}

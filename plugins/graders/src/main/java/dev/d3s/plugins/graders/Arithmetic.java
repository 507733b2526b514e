package dev.d3s.plugins.graders;

import java.math.BigInteger;

import org.jspecify.annotations.Nullable;

import dev.d3s.plugins.graders.Algebra.Quotient;

/**
 * What answers are calculated with: {@link Algebra} simplifies and decides what it has rules for, {@link Numerics} decides the
 * rest from what was written. Both bound the work. One object for one comparison, on one thread.
 */
final class Arithmetic {
    private static final long MAXIMUM_WORK = 500_000;
    private static final int MAXIMUM_FACTORIAL = 1000;

    /**
     * A number or an expression with variables.
     *
     * @param exact simplified; what there is no rule for is a symbol in it
     * @param written the same as it was written
     */
    record Value(Quotient exact, Expression written) {
        /** The number it is; null when it has symbols. */
        @Nullable
        Rational constant() {
            return exact.constant();
        }
    }

    private final Algebra algebra = new Algebra();
    private final Numerics numerics;

    Arithmetic() {
        this(MAXIMUM_WORK);
    }

    /** @param work that computing may cost, in units of about a microsecond */
    Arithmetic(long work) {
        numerics = new Numerics(work);
    }

    private static Value value(Quotient exact, Expression written) {
        Rational constant = exact.constant();
        return new Value(exact, constant == null ? written : new Expression.Fraction(constant));
    }

    Value number(Rational value) {
        return value(algebra.number(value), new Expression.Fraction(value));
    }

    /** A variable, or what is known by a name: pi, e, the imaginary unit i. */
    Value symbol(String name) {
        return value(algebra.symbol(name), new Expression.Name(name));
    }

    /** {@code name} may be that of a function nobody knows, which is equal where its arguments are. */
    Value function(String name, Value argument) {
        return value(algebra.function(name, argument.exact), new Expression.Call(name, argument.written));
    }

    /** To a base that has the given name; without a base that is known, equal only where it would be to any. */
    Value logarithm(String name, @Nullable Value base, Value argument) {
        Expression scale = base == null
                ? new Expression.Name(Points.POSITIVE + name)
                : new Expression.Call("ln", base.written);
        return value(algebra.function(name, argument.exact),
                new Expression.Ratio(new Expression.Call("ln", argument.written), scale));
    }

    Value plus(Value a, Value b) {
        return value(algebra.plus(a.exact, b.exact), new Expression.Sum(a.written, b.written));
    }

    Value minus(Value a, Value b) {
        return plus(a, negated(b));
    }

    Value negated(Value a) {
        return times(number(Rational.of(-1)), a);
    }

    Value times(Value a, Value b) {
        return value(algebra.times(a.exact, b.exact), new Expression.Product(a.written, b.written));
    }

    /** @throws ArithmeticException when b is 0 */
    Value over(Value a, Value b) {
        return value(algebra.over(a.exact, b.exact), new Expression.Ratio(a.written, b.written));
    }

    /** @throws ArithmeticException for a power of 0 that is not defined */
    Value power(Value base, Value exponent) {
        return value(algebra.power(base.exact, exponent.exact),
                new Expression.Power(base.written, exponent.written));
    }

    Value root(Value of, int degree) {
        return value(algebra.root(of.exact, degree), new Expression.Root(of.written, degree));
    }

    Value absolute(Value of) {
        Rational number = of.constant();
        return number == null ? function("abs", of) : number(number.signum() < 0 ? number.negated() : number);
    }

    /** @throws ArithmeticException of a number that is negative, large or no whole one */
    Value factorial(Value of) {
        Rational number = of.constant();
        if (number == null) {
            return function("factorial", of);
        }
        if (!number.isWhole() || number.signum() < 0 || number.numerator().bitLength() > 31
                || number.numerator().intValueExact() > MAXIMUM_FACTORIAL) {
            throw new Algebra.TooLarge();
        }
        BigInteger product = BigInteger.ONE;
        for (int i = 2; i <= number.numerator().intValueExact(); i++) {
            product = product.multiply(BigInteger.valueOf(i));
        }
        return number(new Rational(product, BigInteger.ONE));
    }

    long workLeft() {
        return numerics.workLeft();
    }

    boolean equal(Value a, Value b) {
        try {
            if (algebra.equal(a.exact, b.exact)) {
                return true;
            }
        } catch (Algebra.TooLarge e) {
            return numerics.equal(a.written, b.written);
        }
        return !(a.exact.settled() && b.exact.settled()) && numerics.equal(a.written, b.written);
    }

    /** Whether one is a multiple of the other by a number, as the two sides of the same equation are. */
    boolean proportional(Value a, Value b) {
        try {
            if (algebra.proportional(a.exact, b.exact)) {
                return true;
            }
        } catch (Algebra.TooLarge e) {
            return numerics.proportional(a.written, b.written);
        }
        return !(a.exact.settled() && b.exact.settled()) && numerics.proportional(a.written, b.written);
    }
}

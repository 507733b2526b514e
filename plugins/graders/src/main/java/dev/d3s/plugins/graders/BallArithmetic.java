package dev.d3s.plugins.graders;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Calculates with {@link Ball}s to a number of digits, so that the result's radius covers all that was rounded on the way. The
 * functions are a library's; of its digits the last {@value #GUARD} are not trusted.
 */
final class BallArithmetic {
    private static final int GUARD = 6;
    private static final int MAXIMUM_EXPONENT_SIZE = 5;
    private static final int MAXIMUM_ANGLE_SIZE = 100;
    private static final int MAXIMUM_SIZE = 1_000_000;

    /** Nothing there at this point, such as a quotient by 0. */
    static final class Undefined extends ArithmeticException {
        private static final long serialVersionUID = 1L;

        Undefined() {
            super("undefined");
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this; // it says nothing about the program
        }
    }

    /** More digits are needed to tell. */
    static final class Imprecise extends ArithmeticException {
        private static final long serialVersionUID = 1L;

        Imprecise() {
            super("imprecise");
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this; // it says nothing about the program
        }
    }

    /** What may still be spent on one comparison. */
    static final class Work {
        private long left;

        Work(long left) {
            this.left = left;
        }

        void spend(long work) {
            if (work > left) {
                left = 0;
                throw new Algebra.TooLarge();
            }
            left -= work;
        }

        long left() {
            return left;
        }
    }

    private final int digits;
    private final MathContext context;
    private final Work work;

    BallArithmetic(int digits, Work work) {
        this.digits = digits;
        context = new MathContext(digits, RoundingMode.HALF_EVEN);
        this.work = work;
    }

    int digits() {
        return digits;
    }

    Ball number(Rational value) {
        Ball above = rounded(new BigDecimal(value.numerator()).round(context), Ball.EXACT);
        return value.isWhole()
                ? above
                : over(above, rounded(new BigDecimal(value.denominator()).round(context), Ball.EXACT));
    }

    /** With what was lost when the middle was rounded to our digits, if it was. */
    private Ball rounded(BigDecimal middle, double radius) {
        work.spend(1 + digits / 50);
        if (Math.abs((long) middle.precision() - middle.scale()) > MAXIMUM_SIZE) {
            throw new Undefined(); // more than can be told from others
        }
        return middle.precision() < digits || middle.signum() == 0
                ? new Ball(middle, radius)
                : new Ball(middle, Ball.sum(radius, (double) middle.precision() - middle.scale() - digits));
    }

    Ball plus(Ball a, Ball b) {
        if (a.isZero() || b.isZero()) {
            return a.isZero() ? b : a;
        }
        return rounded(a.middle().add(b.middle(), context), Ball.sum(a.radius(), b.radius()));
    }

    Ball minus(Ball a, Ball b) {
        return plus(a, b.negated());
    }

    Ball times(Ball a, Ball b) {
        if (a.isZero() || b.isZero()) {
            return Ball.ZERO;
        }
        return rounded(a.middle().multiply(b.middle(), context),
                Ball.sum(Ball.sum(a.size() + b.radius(), a.radius() + b.size()), a.radius() + b.radius()));
    }

    Ball over(Ball a, Ball b) {
        if (b.isZero()) {
            throw new Undefined();
        }
        // the smallest that the divisor may be is its middle less half of it
        if (b.sign() == 0 || b.radius() > b.size() - 1.5) {
            throw new Imprecise();
        }
        BigDecimal middle = a.middle().divide(b.middle(), context);
        return rounded(middle, Ball.sum(a.radius(), quotientSize(middle) + b.radius()) - b.size() + 1.5);
    }

    private static double quotientSize(BigDecimal middle) {
        return new Ball(middle, Ball.EXACT).size();
    }

    Ball power(Ball base, int exponent) {
        Ball result = Ball.ONE;
        Ball square = base;
        for (int left = Math.abs(exponent); left > 0; left >>= 1) {
            if ((left & 1) == 1) {
                result = times(result, square);
            }
            if (left > 1) {
                square = times(square, square);
            }
        }
        return exponent < 0 ? over(Ball.ONE, result) : result;
    }

    /** Of a number that is not negative, though its ball may reach below 0. */
    Ball root(Ball of, int degree) {
        if (of.isZero()) {
            return of;
        }
        if (of.sign() <= 0 || of.radius() > of.size() - 2) {
            return new Ball(BigDecimal.ZERO, of.bound() / degree);
        }
        function();
        BigDecimal middle = Functions.root(of.middle(), degree, digits).stripTrailingZeros();
        // the derivative is root / (degree * number), and largest at the lower end
        double radius = of.isExact()
                ? Ball.EXACT
                : of.radius() - (of.size() - 1) + quotientSize(middle) + 0.5;
        if (middle.precision() * degree <= digits && middle.pow(degree).compareTo(of.middle()) == 0) {
            return new Ball(middle, radius);
        }
        return new Ball(middle, Ball.sum(radius, quotientSize(middle) - digits + GUARD));
    }

    Ball exponential(Ball of) {
        if (of.isZero()) {
            return Ball.ONE;
        }
        if (of.size() > MAXIMUM_EXPONENT_SIZE) {
            throw new Undefined();
        }
        if (of.radius() > -1) {
            throw new Imprecise();
        }
        function();
        BigDecimal middle = Functions.exponential(of.middle(), digits);
        double size = quotientSize(middle);
        return new Ball(middle, Ball.sum(size + of.radius() + 0.1, size - digits + GUARD));
    }

    /** Of a positive number. */
    Ball logarithm(Ball of) {
        if (of.sign() < 0 || of.isZero()) {
            throw new Undefined();
        }
        if (of.sign() == 0 || of.radius() > of.size() - 2) {
            throw new Imprecise();
        }
        if (of.isExact() && of.middle().compareTo(BigDecimal.ONE) == 0) {
            return Ball.ZERO;
        }
        function();
        BigDecimal middle = Functions.logarithm(of.middle(), digits);
        return new Ball(middle, Ball.sum(of.radius() - of.size() + 1.1, absolute(middle)));
    }

    Ball sine(Ball of) {
        return of.isZero() ? Ball.ZERO : angle(of, true);
    }

    Ball cosine(Ball of) {
        return of.isZero() ? Ball.ONE : angle(of, false);
    }

    private Ball angle(Ball of, boolean sine) {
        if (of.size() > MAXIMUM_ANGLE_SIZE) {
            throw new Undefined();
        }
        function();
        int before = (int) Math.max(0, of.size());
        BigDecimal middle = sine
                ? Functions.sine(of.middle(), digits + before)
                : Functions.cosine(of.middle(), digits + before);
        return new Ball(middle.round(context), Ball.sum(of.radius(), (double) GUARD - digits));
    }

    Ball arctangent(Ball of) {
        if (of.isZero()) {
            return of;
        }
        function();
        BigDecimal middle = Functions.arctangent(of.middle(), digits);
        return new Ball(middle, Ball.sum(of.radius(), (double) GUARD - digits));
    }

    Ball pi() {
        function();
        return new Ball(Functions.pi(digits), (double) GUARD - digits);
    }

    private double absolute(BigDecimal middle) {
        return Math.max(0, quotientSize(middle)) - digits + GUARD;
    }

    /** A unit is about a microsecond. */
    private void function() {
        work.spend(200 + (long) digits * digits / 40);
    }
}

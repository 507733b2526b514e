package dev.d3s.plugins.graders;

import java.math.BigDecimal;

import dev.d3s.plugins.graders.BallArithmetic.Imprecise;
import dev.d3s.plugins.graders.BallArithmetic.Undefined;

/**
 * Complex numbers, by formulas from real ones. Principal values, but the odd root of a negative number is the negative one. A
 * number that may lie on either side of a cut has no value ({@link Imprecise}). In the reals ({@code real}), what leaves them
 * has none either ({@link Undefined}).
 */
final class ComplexArithmetic {
    private final BallArithmetic reals;
    private final boolean real;

    ComplexArithmetic(BallArithmetic reals, boolean real) {
        this.reals = reals;
        this.real = real;
    }

    ComplexBall plus(ComplexBall a, ComplexBall b) {
        return new ComplexBall(reals.plus(a.real(), b.real()), reals.plus(a.imaginary(), b.imaginary()));
    }

    ComplexBall minus(ComplexBall a, ComplexBall b) {
        return plus(a, negated(b));
    }

    static ComplexBall negated(ComplexBall a) {
        return new ComplexBall(a.real().negated(), a.imaginary().negated());
    }

    ComplexBall times(ComplexBall a, ComplexBall b) {
        if (a.isReal() && b.isReal()) {
            return ComplexBall.of(reals.times(a.real(), b.real()));
        }
        return new ComplexBall(
                reals.minus(reals.times(a.real(), b.real()), reals.times(a.imaginary(), b.imaginary())),
                reals.plus(reals.times(a.real(), b.imaginary()), reals.times(a.imaginary(), b.real())));
    }

    ComplexBall over(ComplexBall a, ComplexBall b) {
        if (b.isReal()) {
            return new ComplexBall(reals.over(a.real(), b.real()), reals.over(a.imaginary(), b.real()));
        }
        ComplexBall above = times(a, new ComplexBall(b.real(), b.imaginary().negated()));
        Ball below = square(b);
        return new ComplexBall(reals.over(above.real(), below), reals.over(above.imaginary(), below));
    }

    /** Of the distance from 0. */
    private Ball square(ComplexBall of) {
        return reals.plus(reals.times(of.real(), of.real()), reals.times(of.imaginary(), of.imaginary()));
    }

    Ball absolute(ComplexBall of) {
        if (of.isReal()) {
            return of.real().middle().signum() < 0 ? of.real().negated() : of.real();
        }
        return reals.root(square(of), 2);
    }

    ComplexBall power(ComplexBall base, int exponent) {
        if (base.isReal()) {
            return ComplexBall.of(reals.power(base.real(), exponent));
        }
        ComplexBall result = ComplexBall.ONE;
        ComplexBall square = base;
        for (int left = Math.abs(exponent); left > 0; left >>= 1) {
            if ((left & 1) == 1) {
                result = times(result, square);
            }
            if (left > 1) {
                square = times(square, square);
            }
        }
        return exponent < 0 ? over(ComplexBall.ONE, result) : result;
    }

    ComplexBall power(ComplexBall base, ComplexBall exponent) {
        if (base.isZero()) {
            if (exponent.isReal() && exponent.real().sign() > 0) {
                return base;
            }
            throw new Undefined();
        }
        return exponential(times(exponent, logarithm(base)));
    }

    ComplexBall root(ComplexBall of, int degree) {
        if (of.isReal() && of.real().sign() >= 0 && (of.real().sign() > 0 || of.isZero() || real)) {
            return ComplexBall.of(reals.root(of.real(), degree));
        }
        if (of.isReal() && of.real().sign() < 0) {
            Ball positive = reals.root(of.real().negated(), degree);
            if (degree % 2 == 1) {
                return ComplexBall.of(positive.negated());
            }
            leave();
            return times(ComplexBall.of(positive),
                    degree == 2
                            ? ComplexBall.I
                            : turn(reals.over(reals.pi(), Ball.of(degree))));
        }
        if (!of.isNotZero()) {
            Ball near = reals.root(new Ball(BigDecimal.ZERO, of.bound() + 0.2), degree);
            return new ComplexBall(near, near);
        }
        return exponential(over(logarithm(of), ComplexBall.of(Ball.of(degree))));
    }

    private void leave() {
        if (real) {
            throw new Undefined();
        }
    }

    /** The number of distance 1 at an angle. */
    private ComplexBall turn(Ball angle) {
        return new ComplexBall(reals.cosine(angle), reals.sine(angle));
    }

    ComplexBall exponential(ComplexBall of) {
        ComplexBall length = ComplexBall.of(reals.exponential(of.real()));
        return of.isReal() ? length : times(length, turn(of.imaginary()));
    }

    ComplexBall logarithm(ComplexBall of) {
        if (of.isReal() && of.real().sign() > 0) {
            return ComplexBall.of(reals.logarithm(of.real()));
        }
        if (of.isZero()) {
            throw new Undefined();
        }
        if (!of.isNotZero()) {
            throw new Imprecise();
        }
        leave();
        return new ComplexBall(reals.logarithm(absolute(of)), angle(of));
    }

    private Ball angle(ComplexBall of) {
        Ball x = of.real();
        Ball y = of.imaginary();
        if (x.sign() > 0) {
            return reals.arctangent(reals.over(y, x));
        }
        if (y.sign() != 0) {
            Ball right = reals.over(reals.pi(), Ball.of(2));
            return reals.minus(y.sign() > 0 ? right : right.negated(), reals.arctangent(reals.over(x, y)));
        }
        if (of.isReal()) {
            return reals.pi();
        }
        throw new Imprecise();
    }

    ComplexBall sine(ComplexBall of) {
        if (of.isReal()) {
            return ComplexBall.of(reals.sine(of.real()));
        }
        ComplexBall turned = exponential(times(ComplexBall.I, of));
        return over(minus(turned, over(ComplexBall.ONE, turned)), new ComplexBall(Ball.ZERO, Ball.of(2)));
    }

    ComplexBall cosine(ComplexBall of) {
        if (of.isReal()) {
            return ComplexBall.of(reals.cosine(of.real()));
        }
        ComplexBall turned = exponential(times(ComplexBall.I, of));
        return half(plus(turned, over(ComplexBall.ONE, turned)));
    }

    ComplexBall hyperbolicSine(ComplexBall of) {
        ComplexBall power = exponential(of);
        return half(minus(power, over(ComplexBall.ONE, power)));
    }

    ComplexBall hyperbolicCosine(ComplexBall of) {
        ComplexBall power = exponential(of);
        return half(plus(power, over(ComplexBall.ONE, power)));
    }

    /** Of a number from -1 to 1. */
    ComplexBall arcsine(ComplexBall of) {
        if (!of.isReal()) {
            throw new Undefined();
        }
        Ball rest = reals.minus(Ball.ONE, reals.times(of.real(), of.real()));
        if (rest.sign() < 0) {
            throw new Undefined();
        }
        // half of the angle is that of a right triangle
        Ball half = reals.arctangent(reals.over(of.real(), reals.plus(Ball.ONE, reals.root(rest, 2))));
        return ComplexBall.of(reals.times(Ball.of(2), half));
    }

    ComplexBall arccosine(ComplexBall of) {
        return minus(rightAngle(), arcsine(of));
    }

    ComplexBall arctangent(ComplexBall of) {
        if (!of.isReal()) {
            throw new Undefined();
        }
        return ComplexBall.of(reals.arctangent(of.real()));
    }

    ComplexBall rightAngle() {
        return half(ComplexBall.of(reals.pi()));
    }

    /** The logarithm of the number and the root of its square and {@code shift}: the inverse of the hyperbolic sine or cosine. */
    ComplexBall inverseHyperbolic(ComplexBall of, int shift) {
        ComplexBall inside = plus(times(of, of), ComplexBall.of(Ball.of(shift)));
        return logarithm(plus(of, root(inside, 2)));
    }

    ComplexBall inverseHyperbolicTangent(ComplexBall of) {
        return half(logarithm(over(plus(ComplexBall.ONE, of), minus(ComplexBall.ONE, of))));
    }

    private ComplexBall half(ComplexBall of) {
        return over(of, ComplexBall.of(Ball.of(2)));
    }
}

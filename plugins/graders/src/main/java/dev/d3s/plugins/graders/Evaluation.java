package dev.d3s.plugins.graders;

import java.util.HashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.plugins.graders.BallArithmetic.Undefined;
import dev.d3s.plugins.graders.BallArithmetic.Work;

/** Computes expressions at one point, to one number of digits. */
final class Evaluation {
    private static final int MAXIMUM_POWER = 1_000_000;

    private final Points.Point point;
    private final boolean real;
    private final Work work;
    private final BallArithmetic reals;
    private final ComplexArithmetic complex;
    /** What stands in both expressions, or several times in one, is computed once. */
    private final Map<Expression, ComplexBall> known = new HashMap<>();
    private double extent;

    /** @param real whether what is no real number has no value */
    Evaluation(Points.Point point, int digits, boolean real, Work work) {
        this.point = point;
        this.real = real;
        this.work = work;
        reals = new BallArithmetic(digits, work);
        complex = new ComplexArithmetic(reals, real);
    }

    /** The same elsewhere. */
    Evaluation at(Points.Point other) {
        return new Evaluation(other, reals.digits(), real, work);
    }

    /** How many digits more than usual it takes to tell numbers from each other, after what has been seen so far. */
    double extent() {
        return 3 * extent;
    }

    /** As if this had been seen here. */
    void reaches(double other) {
        extent = Math.max(extent, other / 3);
    }

    ComplexBall difference(ComplexBall a, ComplexBall b) {
        return complex.minus(a, b);
    }

    @Nullable
    ComplexBall product(@Nullable ComplexBall a, ComplexBall b) {
        return a == null ? null : complex.times(a, b);
    }

    /**
     * What the expression is here; null where it is nothing.
     *
     * @throws BallArithmetic.Imprecise when that takes more digits to tell
     */
    @Nullable
    ComplexBall value(Expression expression) {
        try {
            return evaluate(expression);
        } catch (Undefined e) {
            return null;
        }
    }

    private ComplexBall evaluate(Expression expression) {
        if (!(expression instanceof Expression.Call || expression instanceof Expression.Root
                || expression instanceof Expression.Power)) {
            return compute(expression);
        }
        ComplexBall value = known.get(expression);
        if (value == null) {
            value = compute(expression);
            known.put(expression, value);
        }
        return value;
    }

    private ComplexBall compute(Expression expression) {
        ComplexBall value = switch (expression) {
            case Expression.Fraction(Rational number) -> {
                extent = Math.max(extent, number.bits() * 0.30103);
                yield ComplexBall.of(reals.number(number));
            }
            case Expression.Name(String name) -> named(name);
            case Expression.Sum(Expression left, Expression right) -> complex.plus(evaluate(left), evaluate(right));
            case Expression.Product(Expression left, Expression right) ->
                complex.times(evaluate(left), evaluate(right));
            case Expression.Ratio(Expression above, Expression below) ->
                complex.over(evaluate(above), evaluate(below));
            case Expression.Power(Expression base, Expression exponent) -> power(base, exponent);
            case Expression.Root(Expression of, int degree) -> complex.root(evaluate(of), degree);
            case Expression.Call(String function, Expression argument) -> call(function, evaluate(argument));
        };
        see(value.real());
        see(value.imaginary());
        return value;
    }

    private void see(Ball part) {
        if (part.sign() != 0) {
            extent = Math.max(extent, Math.abs(part.size()));
        }
    }

    private ComplexBall named(String name) {
        return switch (name) {
            case "pi" -> ComplexBall.of(reals.pi());
            case "e" -> ComplexBall.of(reals.exponential(Ball.ONE));
            case "i" -> ComplexBall.I;
            default -> ComplexBall.of(new Ball(point.value(name), Ball.EXACT));
        };
    }

    private ComplexBall power(Expression base, Expression exponent) {
        if (exponent instanceof Expression.Fraction(Rational number)) {
            ComplexBall rooted = complex.root(evaluate(base), number.denominator().intValueExact());
            if (number.numerator().bitLength() > 31 || Math.abs(number.numerator().intValue()) > MAXIMUM_POWER) {
                throw new Algebra.TooLarge();
            }
            return complex.power(rooted, number.numerator().intValue());
        }
        return base.equals(new Expression.Name("e"))
                ? complex.exponential(evaluate(exponent))
                : complex.power(evaluate(base), evaluate(exponent));
    }

    private ComplexBall call(String function, ComplexBall of) {
        return switch (function) {
            case "sin" -> complex.sine(of);
            case "cos" -> complex.cosine(of);
            case "tan" -> complex.over(complex.sine(of), complex.cosine(of));
            case "cot" -> complex.over(complex.cosine(of), complex.sine(of));
            case "sec" -> complex.over(ComplexBall.ONE, complex.cosine(of));
            case "csc" -> complex.over(ComplexBall.ONE, complex.sine(of));
            case "arcsin" -> complex.arcsine(of);
            case "arccos" -> complex.arccosine(of);
            case "arctan" -> complex.arctangent(of);
            case "arccot" -> complex.minus(complex.rightAngle(), complex.arctangent(of));
            case "arcsec" -> complex.arccosine(complex.over(ComplexBall.ONE, of));
            case "arccsc" -> complex.arcsine(complex.over(ComplexBall.ONE, of));
            case "sinh" -> complex.hyperbolicSine(of);
            case "cosh" -> complex.hyperbolicCosine(of);
            case "tanh" -> complex.over(complex.hyperbolicSine(of), complex.hyperbolicCosine(of));
            case "arsinh" -> complex.inverseHyperbolic(of, 1);
            case "arcosh" -> complex.inverseHyperbolic(of, -1);
            case "artanh" -> complex.inverseHyperbolicTangent(of);
            case "ln" -> complex.logarithm(of);
            case "abs" -> ComplexBall.of(complex.absolute(of));
            default -> throw new Undefined();
        };
    }
}

package dev.d3s.plugins.graders;

/** A number or function of numbers as it was written, for {@link Numerics} to compute; {@link Algebra} has what it simplifies to. */
sealed interface Expression {
    /** A whole number or a fraction of such. */
    record Fraction(Rational value) implements Expression {}

    /** A variable, or {@code pi}, {@code e} or {@code i}. */
    record Name(String name) implements Expression {}

    record Sum(Expression left, Expression right) implements Expression {}

    record Product(Expression left, Expression right) implements Expression {}

    record Ratio(Expression above, Expression below) implements Expression {}

    record Power(Expression base, Expression exponent) implements Expression {}

    /** The real one where there is a real one. */
    record Root(Expression of, int degree) implements Expression {}

    /** A function by its name in LaTeX, angles in radians; {@code abs} and {@code factorial} are functions too. */
    record Call(String function, Expression argument) implements Expression {}
}

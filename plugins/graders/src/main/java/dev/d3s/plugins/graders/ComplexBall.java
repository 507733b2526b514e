package dev.d3s.plugins.graders;

/** A complex number whose two parts are known so far. A real one has an imaginary part that is exactly 0. */
record ComplexBall(Ball real, Ball imaginary) {
    static final ComplexBall ZERO = of(Ball.ZERO);
    static final ComplexBall ONE = of(Ball.ONE);
    static final ComplexBall I = new ComplexBall(Ball.ZERO, Ball.ONE);

    static ComplexBall of(Ball real) {
        return new ComplexBall(real, Ball.ZERO);
    }

    boolean isReal() {
        return imaginary.isZero();
    }

    boolean isZero() {
        return real.isZero() && imaginary.isZero();
    }

    /** Whether it is certain that the number is not 0. */
    boolean isNotZero() {
        return real.sign() != 0 || imaginary.sign() != 0;
    }

    /** Neither part is larger than 10 to this power. */
    double bound() {
        return Math.max(real.bound(), imaginary.bound());
    }
}

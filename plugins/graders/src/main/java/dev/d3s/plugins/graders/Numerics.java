package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.plugins.graders.BallArithmetic.Imprecise;
import dev.d3s.plugins.graders.BallArithmetic.Work;

/**
 * Decides by computing whether expressions are equal: constants once, others at several {@link Points}. What is different is
 * shown to be so by {@link Ball}s that do not meet. What is taken for equal agrees to {@value #DIGITS} digits, and to more where
 * large, small or long numbers come up on the way, which could make a difference that small. All else is not equal.
 *
 * <p>
 * Points at which one of the two is no real number do not count, unless too few others are left or {@code i} stands in them:
 * then complex values are compared. With absolute values, both must be defined at the same points.
 *
 * <p>
 * Work is counted and bounded, precision too. One object for one comparison, on one thread.
 */
final class Numerics {
    private static final int DIGITS = 120;
    private static final int FIRST_DIGITS = 40;
    private static final int GUARD = 20;
    private static final int MAXIMUM_DIGITS = 1500;
    private static final int ENOUGH = 3;

    private enum Verdict {
        EQUAL, DIFFERENT,
        /** More digits would tell. */
        UNCLEAR,
        /** There is nothing to compare at this point. */
        UNDEFINED
    }

    private interface Comparison {
        Verdict at(Evaluation here);
    }

    private final Work work;

    /** @param work that all comparisons together may cost, in units of about a microsecond */
    Numerics(long work) {
        this.work = new Work(work);
    }

    long workLeft() {
        return work.left();
    }

    boolean equal(Expression a, Expression b) {
        Points points = Points.of(a, b);
        return everywhere(points, here -> verdict(here, here.value(a), here.value(b), points.strict()));
    }

    /** Whether one is the other times a constant, and neither is a constant. */
    boolean proportional(Expression a, Expression b) {
        Points points = Points.of(a, b);
        if (points.list().size() == 1) {
            return false;
        }
        return everywhere(points, here -> {
            Evaluation first = here.at(points.list().getFirst());
            ComplexBall left = first.value(a);
            ComplexBall right = first.value(b);
            if (left == null || right == null) {
                return Verdict.UNDEFINED;
            }
            if (!left.isNotZero() || !right.isNotZero()) {
                return Verdict.UNCLEAR;
            }
            ComplexBall leftHere = here.value(a);
            ComplexBall rightHere = here.value(b);
            here.reaches(first.extent());
            return verdict(here, here.product(leftHere, right), here.product(rightHere, left), points.strict());
        });
    }

    private static Verdict verdict(Evaluation here, @Nullable ComplexBall a, @Nullable ComplexBall b, boolean strict) {
        if (a == null || b == null) {
            return strict && (a == null) != (b == null) ? Verdict.DIFFERENT : Verdict.UNDEFINED;
        }
        ComplexBall difference = here.difference(a, b);
        if (difference.isNotZero()) {
            return Verdict.DIFFERENT;
        }
        double agreeing = Math.max(0, Math.max(a.bound(), b.bound())) - difference.bound();
        return agreeing >= digits(here.extent()) ? Verdict.EQUAL : Verdict.UNCLEAR;
    }

    private static double digits(double extent) {
        return DIGITS + extent;
    }

    private boolean everywhere(Points points, Comparison comparison) {
        if (points.unknown()) {
            return false;
        }
        try {
            Verdict verdict = points.imaginary() ? Verdict.UNDEFINED : everywhere(points, comparison, true);
            return (verdict == Verdict.UNDEFINED ? everywhere(points, comparison, false) : verdict) == Verdict.EQUAL;
        } catch (Algebra.TooLarge e) {
            return false;
        }
    }

    /** First with few digits, which is enough to see most differences. */
    private Verdict everywhere(Points points, Comparison comparison, boolean real) {
        List<Integer> digits = new ArrayList<>();
        for (Points.Point point : points.list()) {
            Evaluation here = new Evaluation(point, FIRST_DIGITS, real, work);
            if (at(here, comparison) == Verdict.DIFFERENT) {
                return Verdict.DIFFERENT;
            }
            digits.add((int) digits(here.extent()) + GUARD);
        }
        int agreeing = 0;
        for (int i = 0; i < digits.size(); i++) {
            Verdict verdict = at(points.list().get(i), digits.get(i), comparison, real);
            if (verdict == Verdict.DIFFERENT || verdict == Verdict.UNCLEAR) {
                return verdict;
            }
            agreeing += verdict == Verdict.EQUAL ? 1 : 0;
        }
        return agreeing >= Math.min(ENOUGH, digits.size()) ? Verdict.EQUAL : Verdict.UNDEFINED;
    }

    private Verdict at(Points.Point point, int atLeast, Comparison comparison, boolean real) {
        Verdict verdict = Verdict.UNDEFINED; // where numbers are so large or small that they have too many digits
        int needed = atLeast;
        for (int digits = needed; needed <= MAXIMUM_DIGITS && digits <= MAXIMUM_DIGITS; digits = Math.max(2 * digits,
                needed)) {
            Evaluation here = new Evaluation(point, digits, real, work);
            verdict = at(here, comparison);
            if (verdict != Verdict.UNCLEAR) {
                return verdict;
            }
            needed = (int) digits(here.extent()) + GUARD;
        }
        return needed > MAXIMUM_DIGITS ? Verdict.UNDEFINED : verdict;
    }

    private static Verdict at(Evaluation here, Comparison comparison) {
        try {
            return comparison.at(here);
        } catch (Imprecise e) {
            return Verdict.UNCLEAR;
        }
    }
}

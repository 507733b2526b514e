package dev.d3s.plugins.graders;

import java.util.List;

import dev.d3s.plugins.graders.Arithmetic.Value;

/** What an answer says. */
sealed interface MathValue {
    /**
     * A number or an expression.
     *
     * @param percent whether a percent sign follows; the value is then that of the written number
     * @param unfinished whether numbers stand in it that were not added or multiplied, as in 2 + 3
     */
    record Scalar(Value value, boolean percent, boolean unfinished) implements MathValue {}

    /**
     * Several in order: a tuple, a vector, an interval, a row or the rows of a matrix.
     *
     * @param brackets the opening and the closing one
     */
    record Ordered(String brackets, List<MathValue> elements) implements MathValue {}

    /** Several in any order: a set, a union, or a list without brackets. */
    record Unordered(List<MathValue> elements) implements MathValue {}

    /**
     * An equation or inequality that does not just name a value.
     *
     * @param sign {@code =}, {@code <}, {@code <=} or {@code !=}
     * @param difference left side less right side
     */
    record Relation(String sign, Value difference) implements MathValue {}

    /** Words, in lower case, without brackets around a single letter. */
    record Words(String text) implements MathValue {}

    /** Whether two answers are the same. */
    static boolean same(MathValue a, MathValue b, Arithmetic arithmetic) {
        if (a instanceof Unordered || b instanceof Unordered) {
            List<MathValue> left = elements(a);
            List<MathValue> right = elements(b);
            return covers(left, right, arithmetic) && covers(right, left, arithmetic);
        }
        return switch (a) {
            case Scalar left -> b instanceof Scalar right && same(left, right, arithmetic);
            case Ordered left -> b instanceof Ordered right && left.brackets().equals(right.brackets())
                    && inOrder(left.elements(), right.elements(), arithmetic);
            case Relation left -> b instanceof Relation right && left.sign().equals(right.sign())
                    && (left.sign().startsWith("<")
                            ? arithmetic.equal(left.difference(), right.difference())
                            : arithmetic.proportional(left.difference(), right.difference()));
            case Words left -> left.equals(b);
            case Unordered left -> false; // above
        };
    }

    /** Where just one has a percent sign, 50 % is both 50 and 1/2. */
    private static boolean same(Scalar a, Scalar b, Arithmetic arithmetic) {
        if (arithmetic.equal(a.value(), b.value())) {
            return true;
        }
        Value hundred = arithmetic.number(Rational.of(100));
        return (a.percent() && !b.percent() && arithmetic.equal(a.value(), arithmetic.times(b.value(), hundred)))
                || (b.percent() && !a.percent() && arithmetic.equal(b.value(), arithmetic.times(a.value(), hundred)));
    }

    private static boolean inOrder(List<MathValue> a, List<MathValue> b, Arithmetic arithmetic) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            if (!same(a.get(i), b.get(i), arithmetic)) {
                return false;
            }
        }
        return true;
    }

    private static List<MathValue> elements(MathValue value) {
        return value instanceof Unordered several ? several.elements() : List.of(value);
    }

    private static boolean covers(List<MathValue> these, List<MathValue> those, Arithmetic arithmetic) {
        return those.stream().allMatch(that -> these.stream().anyMatch(one -> same(one, that, arithmetic)));
    }
}

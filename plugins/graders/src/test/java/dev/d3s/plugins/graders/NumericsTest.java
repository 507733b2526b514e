package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.List;
import java.util.Objects;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.plugins.graders.BallArithmetic.Imprecise;
import dev.d3s.plugins.graders.BallArithmetic.Work;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class NumericsTest {
    /** What is written in two ways. */
    record Pair(String one, String other) {}

    private static Arithmetic.Value read(String text, Arithmetic arithmetic) {
        MathValue value = Objects.requireNonNull(new MathParser(arithmetic).parse(text), text);
        return ((MathValue.Scalar) value).value();
    }

    private static boolean equal(String one, String other) {
        Arithmetic arithmetic = new Arithmetic();
        return arithmetic.equal(read(one, arithmetic), read(other, arithmetic));
    }

    @Property(tries = 25)
    void shouldSeeThroughIdentities(@ForAll("pairs") Pair pair) {
        assertThat(equal(pair.one, pair.other)).as("%s and %s", pair.one, pair.other).isTrue();
    }

    @Property(tries = 25)
    void shouldSeeThatSomethingIsAdded(@ForAll("pairs") Pair pair, @ForAll @IntRange(min = 1, max = 90) int decimals) {
        String added = pair.other + "+10^{-" + decimals + "}";
        assertThat(equal(pair.one, added)).as("%s and %s", pair.one, added).isFalse();
        String stretched = "(" + pair.other + ")(1-10^{-" + decimals + "}x)";
        assertThat(equal(pair.one, stretched)).as("%s and %s", pair.one, stretched).isFalse();
    }

    @Provide
    Arbitrary<Pair> pairs() {
        Arbitrary<Pair> pairs = Arbitraries.of("x", "y", "2", "\\frac{3}{7}", "\\sqrt{2}", "\\pi", "\\sqrt[3]{5}")
            .map(leaf -> new Pair(leaf, leaf));
        for (int depth = 0; depth < 2; depth++) {
            pairs = rewritten(pairs);
        }
        // at least one that takes more than multiplying out, and is not 0 anywhere
        return pairs.map(pair -> new Pair("(" + pair.one + ")^2+e^{2\\ln 3}", "9+(" + pair.other + ")^2"));
    }

    private static Arbitrary<Pair> rewritten(Arbitrary<Pair> inner) {
        List<Pair> identities = List.of(new Pair("(u)+(v)", "(V)+(U)"), new Pair("(u)(v)", "(V)(U)"),
                new Pair("\\sin(2(u))", "2\\sin(U)\\cos(U)"),
                new Pair("\\cos((u)-(v))", "\\cos(U)\\cos(V)+\\sin(U)\\sin(V)"),
                new Pair("(u)", "(U)\\sin^2(V)+(U)\\cos^2(V)"),
                new Pair("\\frac{\\sin(u)}{\\cos(u)}", "\\tan(U)"),
                new Pair("e^{\\sin(u)+\\cos(v)}", "e^{\\sin(U)}e^{\\cos(V)}"),
                new Pair("\\ln((1+(u)^2)(2+(v)^2))", "\\ln(1+(U)^2)+\\ln(2+(V)^2)"),
                new Pair("\\sqrt{3+(u)^2+(v)^2+2\\sqrt{(1+(u)^2)(2+(v)^2)}}", "\\sqrt{1+(U)^2}+\\sqrt{2+(V)^2}"),
                new Pair("\\arctan(u)+\\arctan(2)", "\\arctan(2)+\\arctan(U)"),
                new Pair("\\log_2(1+(u)^2)", "\\frac{\\ln(1+(U)^2)}{\\ln 2}"));
        return Arbitraries.of(identities)
            .flatMap(identity -> inner.flatMap(u -> inner.map(v -> new Pair(filled(identity.one, u.one, v.one),
                    filled(identity.other, u.other, v.other)))));
    }

    private static String filled(String identity, String u, String v) {
        return identity.replaceAll("\\(([uU])\\)", "(\u0001)")
            .replaceAll("\\(([vV])\\)", "(\u0002)")
            .replace("\u0001", u)
            .replace("\u0002", v);
    }

    /** What many digits say lies where few digits say it must. */
    @Property(tries = 25)
    void shouldKnowHowFarItsDigitsGo(@ForAll("pairs") Pair pair) {
        Expression expression = read(pair.one, new Arithmetic()).written();
        List<Points.Point> points = Points.of(expression).list();
        int compared = 0;
        for (Points.Point point : points.subList(0, Math.min(3, points.size()))) {
            ComplexBall exact = new Evaluation(point, 220, false, new Work(Long.MAX_VALUE)).value(expression);
            for (int digits : List.of(40, 110)) {
                try {
                    ComplexBall rough = new Evaluation(point, digits, false, new Work(Long.MAX_VALUE))
                        .value(expression);
                    if (exact != null && rough != null) {
                        contains(rough.real(), exact.real(), pair.one);
                        contains(rough.imaginary(), exact.imaginary(), pair.one);
                        assertThat(rough.real().bound() - rough.real().radius()).as("digits of %s", pair.one)
                            .isGreaterThan(digits - 35);
                        compared++;
                    }
                } catch (Imprecise e) {
                    assertThat(digits).as("%s at %s", pair.one, point).isLessThan(110);
                }
            }
        }
        assertThat(compared).as(pair.one).isPositive();
    }

    private static void contains(Ball rough, Ball exact, String what) {
        BigDecimal distance = rough.middle().subtract(exact.middle()).abs();
        assertThat(new Ball(distance, Ball.EXACT).size() - 1).as("%s: %s and %s", what, rough, exact)
            .isLessThanOrEqualTo(Ball.sum(rough.radius(), exact.radius()));
    }

    /** Counted, so that it is the same on every machine: a unit is about a microsecond. */
    @ParameterizedTest
    @ValueSource(strings = {"\\frac{1}{\\sin^2 x+\\cos^2 x-1}", "e^{e^{e^{e^x}}}",
            "\\tan(\\tan(\\tan(\\tan(\\tan x))))",
            "\\sin(10^{99}x)", "\\sin x+\\sin(x+1)+\\sin(x+2)+\\sin(x+3)+\\sin(x+4)+\\sin(x+5)+\\sin(x+6)+\\sin(x+7)",
            "\\sqrt{x+\\sqrt{x+\\sqrt{x+\\sqrt{x+\\sqrt{x+\\sqrt{x+\\sqrt{x+1}}}}}}}", "\\sin(10^{-399})+\\sin x",
            "\\sqrt[3]{\\sin 1+\\cos 1}^{8}", "\\ln(\\ln(\\ln(\\ln(\\ln(\\ln x)))))", "x^{x^{x^{x^x}}}"})
    void shouldBoundTheWork(String hostile) {
        Arithmetic arithmetic = new Arithmetic(50_000);
        Arithmetic.Value value = read(hostile, arithmetic);
        Arithmetic.Value other = read(hostile + "+10^{-200}\\sin 1", arithmetic);
        long before = arithmetic.workLeft();
        for (int i = 0; i < 20; i++) {
            assertThat(arithmetic.equal(value, other)).isFalse();
        }
        assertThat(arithmetic.workLeft()).as("of %d", before).isBetween(0L, before - 1);
    }

    @Test
    void shouldCountWhatFunctionsCost() {
        Arithmetic arithmetic = new Arithmetic();
        long before = arithmetic.workLeft();
        assertThat(arithmetic.equal(read("\\sin 1", arithmetic), read("\\sin 2", arithmetic))).isFalse();
        long few = before - arithmetic.workLeft();
        assertThat(arithmetic.equal(read("\\sin 1+\\sin 3+\\sin 4", arithmetic), read("\\sin 2", arithmetic)))
            .isFalse();
        assertThat(before - few - arithmetic.workLeft()).as("four functions after two").isGreaterThanOrEqualTo(2 * few);
    }
}

package dev.d3s.plugins.graders;

import java.math.BigInteger;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

import org.jspecify.annotations.Nullable;

/**
 * Exact arithmetic with symbols: quotients of polynomials over the rational numbers, in variables, in pi and e, and in roots.
 * A root is a symbol with a relation, such as s^2 = 2, that every product is reduced by. Square roots of different primes are
 * independent of each other, so whether a number built from them and fractions is 0 is decided exactly, and so is the
 * equality of quotients, by multiplying them out: a/b = c/d when ad - bc is the zero polynomial. What it has no rule for,
 * such as sin x, is a symbol named after its argument.
 *
 * <p>
 * Roots take the positive branch, variables in them too: the root of x^2 is x. Functions, nested roots and roots of higher
 * degree are symbols of their own, so that equal numbers may be taken for different ones there, but never the reverse:
 * what has only other symbols is {@link Quotient#settled}, the rest is for {@link Numerics}.
 *
 * <p>
 * Expressions come from models and may be anything: terms, digits, exponents and work are bounded, and {@link TooLarge} ends
 * what goes beyond. One object for one comparison, on one thread.
 */
final class Algebra {
    private static final int MAXIMUM_TERMS = 300;
    private static final int MAXIMUM_BITS = 20_000;
    private static final int MAXIMUM_EXPONENT = 10_000;
    private static final int MAXIMUM_ROOT = 12;
    private static final int MAXIMUM_NAME = 2000;
    private static final int MAXIMUM_DIVISOR = 10_000;

    /** What it costs is more than an answer is worth. */
    static final class TooLarge extends ArithmeticException {
        private static final long serialVersionUID = 1L;

        TooLarge() {
            super("too large");
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this; // it says nothing about the program
        }
    }

    /**
     * Something that polynomials are made of; equal by name.
     *
     * @param degree power of it that the replacement stands for; 0 where there is none
     * @param settled whether it is independent of all other symbols but for its replacement
     */
    record Symbol(String name, int degree, @Nullable Polynomial replacement, boolean settled)
            implements
                Comparable<Symbol> {
        static Symbol variable(String name) {
            return new Symbol(name, 0, null, true);
        }

        static Symbol opaque(String name) {
            return new Symbol(name, 0, null, false);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Symbol symbol && symbol.name.equals(name);
        }

        @Override
        public int hashCode() {
            return name.hashCode();
        }

        @Override
        public int compareTo(Symbol other) {
            return name.compareTo(other.name);
        }
    }

    /** @param powers above 0 */
    private record Monomial(SortedMap<Symbol, Integer> powers) {
        static final Monomial ONE = new Monomial(Collections.emptySortedMap());

        @Override
        public String toString() {
            StringBuilder text = new StringBuilder();
            powers.forEach((symbol, power) -> text.append('*').append(symbol.name()).append('^').append(power));
            return text.toString();
        }
    }

    /** @param terms coefficients that are not 0 */
    record Polynomial(Map<Monomial, Rational> terms) {
        boolean isZero() {
            return terms.isEmpty();
        }

        /** The number it is; null when it has symbols. */
        @Nullable
        Rational constant() {
            return terms.isEmpty()
                    ? Rational.ZERO
                    : terms.size() == 1 ? terms.get(Monomial.ONE) : null;
        }

        /** Terms in a fixed order. */
        @Override
        public String toString() {
            TreeSet<String> sorted = new TreeSet<>();
            terms.forEach((monomial, coefficient) -> sorted
                .add(monomial + "|" + coefficient.numerator() + "/" + coefficient.denominator()));
            return String.join("+", sorted);
        }

        boolean settled() {
            return terms.keySet()
                .stream()
                .flatMap(monomial -> monomial.powers().keySet().stream())
                .allMatch(Symbol::settled);
        }

        /** The coefficient of the first of its terms in a fixed order. */
        Rational leading() {
            return terms.entrySet()
                .stream()
                .min(Comparator.comparing(term -> term.getKey().toString()))
                .orElseThrow()
                .getValue();
        }
    }

    /** @param denominator not zero */
    record Quotient(Polynomial numerator, Polynomial denominator) {
        /** The number it is; null when it has symbols. */
        @Nullable
        Rational constant() {
            Rational above = numerator.constant();
            Rational below = denominator.constant();
            return above == null || below == null ? null : above.over(below);
        }

        boolean isZero() {
            return numerator.isZero();
        }

        /** Whether there are rules for all that is in it, so that it is equal only to what {@link Algebra#equal} says. */
        boolean settled() {
            return numerator.settled() && denominator.settled();
        }
    }

    private static final Polynomial ZERO = new Polynomial(Map.of());
    private static final Polynomial ONE = new Polynomial(Map.of(Monomial.ONE, Rational.ONE));
    private static final Symbol IMAGINARY = new Symbol("i", 2,
            new Polynomial(Map.of(Monomial.ONE, Rational.of(-1))), true);

    private long budget = 60_000;

    private void spend(long work) {
        budget -= work;
        if (budget < 0) {
            throw new TooLarge();
        }
    }

    // ---------------------------------------------------------------- quotients

    Quotient number(Rational value) {
        return new Quotient(constant(value), ONE);
    }

    /** A variable, or the imaginary unit for {@code i}. */
    Quotient symbol(String name) {
        return symbol(name.equals("i") ? IMAGINARY : Symbol.variable(name));
    }

    private static Quotient symbol(Symbol symbol) {
        return new Quotient(of(symbol, 1), ONE);
    }

    /** A function that has no rules here. */
    Quotient function(String name, Quotient argument) {
        return symbol(Symbol.opaque(named(name + "(" + name(argument) + ")")));
    }

    Quotient plus(Quotient a, Quotient b) {
        return a.denominator().equals(b.denominator())
                ? quotient(plus(a.numerator(), b.numerator()), a.denominator())
                : quotient(plus(times(a.numerator(), b.denominator()), times(b.numerator(), a.denominator())),
                        times(a.denominator(), b.denominator()));
    }

    Quotient negated(Quotient a) {
        return times(number(Rational.of(-1)), a);
    }

    Quotient times(Quotient a, Quotient b) {
        return quotient(times(a.numerator(), b.numerator()), times(a.denominator(), b.denominator()));
    }

    /** @throws ArithmeticException when b is 0 */
    Quotient over(Quotient a, Quotient b) {
        return quotient(times(a.numerator(), b.denominator()), times(a.denominator(), b.numerator()));
    }

    boolean equal(Quotient a, Quotient b) {
        return times(a.numerator(), b.denominator()).equals(times(b.numerator(), a.denominator()));
    }

    /** Whether one is a multiple of the other by a number, as the two sides of the same equation are. */
    boolean proportional(Quotient a, Quotient b) {
        if (a.isZero() || b.isZero()) {
            return a.isZero() && b.isZero();
        }
        Polynomial left = times(a.numerator(), constant(b.numerator().leading()));
        Polynomial right = times(b.numerator(), constant(a.numerator().leading()));
        return left.equals(right);
    }

    private Quotient quotient(Polynomial numerator, Polynomial denominator) {
        if (denominator.isZero()) {
            throw new ArithmeticException("denominator 0");
        }
        Rational below = denominator.constant();
        if (below == null || below.equals(Rational.ONE)) {
            return new Quotient(numerator, denominator);
        }
        return new Quotient(times(numerator, constant(Rational.ONE.over(below))), ONE);
    }

    // ---------------------------------------------------------------- powers and roots

    /** @throws ArithmeticException for a power of 0 that is not defined */
    Quotient power(Quotient base, Quotient exponent) {
        Rational value = exponent.constant();
        if (value == null) {
            return symbol(Symbol.opaque(named("power(" + name(base) + "," + name(exponent) + ")")));
        }
        if (base.isZero()) {
            if (value.signum() <= 0) {
                throw new ArithmeticException("0 to a power that is not positive");
            }
            return base;
        }
        Rational number = base.constant();
        if (Rational.ONE.equals(number)) {
            return base;
        }
        if (value.denominator().compareTo(BigInteger.valueOf(MAXIMUM_ROOT)) > 0
                || value.numerator().abs().compareTo(BigInteger.valueOf(MAXIMUM_EXPONENT)) > 0) {
            throw new TooLarge();
        }
        int whole = value.numerator().intValueExact();
        int root = value.denominator().intValueExact();
        Quotient rooted = root == 1 ? base : root(base, root);
        Polynomial above = power(rooted.numerator(), Math.abs(whole));
        Polynomial below = power(rooted.denominator(), Math.abs(whole));
        return whole < 0 ? quotient(below, above) : quotient(above, below);
    }

    /** The root of n/d is that of n d^(k-1), over d. */
    Quotient root(Quotient of, int degree) {
        if (degree < 1 || degree > MAXIMUM_ROOT) {
            throw new TooLarge();
        }
        if (degree == 1 || of.isZero()) {
            return of;
        }
        Polynomial inside = times(of.numerator(), power(of.denominator(), degree - 1));
        Rational content = inside.constant();
        Quotient outside;
        if (content == null) {
            content = inside.leading();
            Polynomial rest = times(inside, constant(Rational.ONE.over(content)));
            outside = times(new Quotient(root(rest, degree), ONE), rootOf(content, degree));
        } else {
            outside = rootOf(content, degree);
        }
        return quotient(outside.numerator(), times(outside.denominator(), of.denominator()));
    }

    private Quotient rootOf(Rational number, int degree) {
        BigInteger whole = number.numerator().multiply(number.denominator().pow(degree - 1));
        Polynomial root = root(whole.abs(), degree);
        if (whole.signum() < 0) {
            if (degree % 2 == 0 && degree != 2) {
                throw new TooLarge(); // roots of unity have no rules here
            }
            root = times(root, degree == 2 ? of(IMAGINARY, 1) : constant(Rational.of(-1)));
        }
        return quotient(root, constant(new Rational(number.denominator(), BigInteger.ONE)));
    }

    /** Of a positive number: prime by prime, what is a whole power in front. */
    private Polynomial root(BigInteger number, int degree) {
        check(number.bitLength());
        Polynomial root = ONE;
        BigInteger rest = number;
        boolean isPrime = false;
        int divisors = rest.bitLength() <= 62 ? MAXIMUM_DIVISOR : MAXIMUM_DIVISOR / 10;
        for (int divisor = 2; divisor <= divisors; divisor += divisor == 2 ? 1 : 2) {
            BigInteger prime = BigInteger.valueOf(divisor);
            if (prime.multiply(prime).compareTo(rest) > 0) {
                isPrime = true;
                break;
            }
            int power = 0;
            for (BigInteger[] next = rest.divideAndRemainder(prime); next[1].signum() == 0; next = rest
                .divideAndRemainder(prime)) {
                rest = next[0];
                power++;
                spend(1 + rest.bitLength() / 64);
            }
            root = times(root, root(prime, power, degree, true));
        }
        spend(divisors / 10);
        BigInteger square = rest.sqrt();
        return square.multiply(square).equals(rest) && !rest.equals(BigInteger.ONE)
                ? times(root, root(square, 2, degree, false))
                : times(root, root(rest, 1, degree, isPrime));
    }

    /** The root of {@code prime^power}; it is not settled what the root of something that may be no prime has to do with others. */
    private Polynomial root(BigInteger prime, int power, int degree, boolean isPrime) {
        if (power == 0 || prime.equals(BigInteger.ONE)) {
            return ONE;
        }
        Polynomial before = constant(new Rational(prime.pow(power / degree), BigInteger.ONE));
        int inside = power % degree;
        if (inside == 0) {
            return before;
        }
        int common = BigInteger.valueOf(inside).gcd(BigInteger.valueOf(degree)).intValueExact();
        int small = degree / common;
        Symbol symbol = new Symbol("root" + small + "(" + prime + ")", small,
                constant(new Rational(prime, BigInteger.ONE)), small == 2 && isPrime);
        return times(before, of(symbol, inside / common));
    }

    /** Of a polynomial whose leading coefficient is 1: of a product of symbols one by one, else a symbol of its own. */
    private Polynomial root(Polynomial of, int degree) {
        if (of.terms().size() > 1) {
            return of(new Symbol(named("root" + degree + "(" + of + ")"), degree, of, false), 1);
        }
        Polynomial root = ONE;
        for (Map.Entry<Symbol, Integer> power : of.terms().keySet().iterator().next().powers().entrySet()) {
            Symbol symbol = power.getKey();
            int inside = power.getValue() % degree;
            root = times(root, of(symbol, power.getValue() / degree));
            if (inside != 0) {
                root = times(root, of(new Symbol(named("root" + degree + "(" + symbol.name() + ")"), degree,
                        of(symbol, 1), degree == 2 && symbol.settled()), inside));
            }
        }
        return root;
    }

    // ---------------------------------------------------------------- polynomials

    private static Polynomial constant(Rational value) {
        return value.signum() == 0 ? ZERO : new Polynomial(Map.of(Monomial.ONE, value));
    }

    private static Polynomial of(Symbol symbol, int power) {
        return power == 0
                ? ONE
                : new Polynomial(Map.of(new Monomial(new TreeMap<>(Map.of(symbol, power))), Rational.ONE));
    }

    private Polynomial plus(Polynomial a, Polynomial b) {
        Map<Monomial, Rational> sum = new HashMap<>(a.terms());
        b.terms().forEach((monomial, coefficient) -> add(sum, monomial, coefficient));
        return checked(sum);
    }

    private void add(Map<Monomial, Rational> sum, Monomial monomial, Rational coefficient) {
        spend(1 + coefficient.bits() / 64);
        Rational now = sum.merge(monomial, coefficient, Rational::plus);
        if (now.signum() == 0) {
            sum.remove(monomial);
        }
    }

    private Polynomial checked(Map<Monomial, Rational> terms) {
        if (terms.size() > MAXIMUM_TERMS) {
            throw new TooLarge();
        }
        terms.values().forEach(coefficient -> check(coefficient.bits()));
        return new Polynomial(terms);
    }

    private static void check(long bits) {
        if (bits > MAXIMUM_BITS) {
            throw new TooLarge();
        }
    }

    private Polynomial times(Polynomial a, Polynomial b) {
        Map<Monomial, Rational> product = new HashMap<>();
        boolean reducible = false;
        for (Map.Entry<Monomial, Rational> left : a.terms().entrySet()) {
            for (Map.Entry<Monomial, Rational> right : b.terms().entrySet()) {
                spend(4 + left.getKey().powers().size() + right.getKey().powers().size()
                        + (long) left.getValue().bits() * right.getValue().bits() / 4096);
                Monomial monomial = times(left.getKey(), right.getKey());
                reducible |= reducible(monomial) != null;
                add(product, monomial, left.getValue().times(right.getValue()));
            }
            if (product.size() > MAXIMUM_TERMS) {
                throw new TooLarge();
            }
        }
        Polynomial whole = checked(product);
        return reducible ? reduced(whole) : whole;
    }

    private static Monomial times(Monomial a, Monomial b) {
        if (a.powers().isEmpty() || b.powers().isEmpty()) {
            return a.powers().isEmpty() ? b : a;
        }
        SortedMap<Symbol, Integer> powers = new TreeMap<>(a.powers());
        b.powers().forEach((symbol, power) -> powers.merge(symbol, power, Integer::sum));
        if (powers.values().stream().anyMatch(power -> power > MAXIMUM_EXPONENT)) {
            throw new TooLarge();
        }
        return new Monomial(powers);
    }

    private static @Nullable Symbol reducible(Monomial monomial) {
        for (Map.Entry<Symbol, Integer> power : monomial.powers().entrySet()) {
            if (power.getKey().degree() > 0 && power.getValue() >= power.getKey().degree()) {
                return power.getKey();
            }
        }
        return null;
    }

    /** Replaces powers of symbols by what they are. */
    private Polynomial reduced(Polynomial of) {
        Polynomial sum = ZERO;
        Map<Monomial, Rational> plain = new HashMap<>();
        for (Map.Entry<Monomial, Rational> term : of.terms().entrySet()) {
            Symbol symbol = reducible(term.getKey());
            if (symbol == null) {
                add(plain, term.getKey(), term.getValue());
                continue;
            }
            SortedMap<Symbol, Integer> powers = new TreeMap<>(term.getKey().powers());
            int power = Objects.requireNonNull(powers.remove(symbol));
            if (power % symbol.degree() != 0) {
                powers.put(symbol, power % symbol.degree());
            }
            Polynomial rest = new Polynomial(Map.of(new Monomial(powers), term.getValue()));
            Polynomial replaced = power(Objects.requireNonNull(symbol.replacement()), power / symbol.degree());
            sum = plus(sum, times(rest, replaced));
        }
        return plus(sum, checked(plain));
    }

    private Polynomial power(Polynomial base, int exponent) {
        Rational number = base.constant();
        if (number != null) {
            check((long) number.bits() * exponent);
            return constant(number.power(exponent));
        }
        Polynomial result = ONE;
        Polynomial square = base;
        for (int left = exponent; left > 0; left >>= 1) {
            if ((left & 1) == 1) {
                result = times(result, square);
            }
            if (left > 1) {
                square = times(square, square);
            }
        }
        return result;
    }

    // ---------------------------------------------------------------- names

    /** The same for quotients that differ by a number above and below; others may be equal and have different names. */
    private String name(Quotient quotient) {
        Rational leading = quotient.denominator().leading();
        Polynomial factor = constant(Rational.ONE.over(leading));
        Polynomial below = times(quotient.denominator(), factor);
        return times(quotient.numerator(), factor) + (below.equals(ONE) ? "" : " over " + below);
    }

    private String named(String name) {
        if (name.length() > MAXIMUM_NAME) {
            throw new TooLarge();
        }
        spend(name.length());
        return name;
    }
}

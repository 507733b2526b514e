package dev.d3s.plugins.graders;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Where expressions are compared: one point for constants, else several that give each variable values of different magnitudes,
 * with digits that nobody writes. Variables are positive where a root, a logarithm, a power or a factorial is taken of something
 * with variables, else of both signs; with absolute values they always are.
 *
 * @param list always the same for the same variables
 * @param imaginary whether i stands in the expressions
 * @param strict whether where something is undefined matters
 * @param unknown whether something in the expressions cannot be computed
 */
record Points(List<Point> list, boolean imaginary, boolean strict, boolean unknown) {
    /** Begins names of what is positive at all points. */
    static final String POSITIVE = "\\";

    private static final List<String> MAGNITUDES = List.of("0.7", "1.9", "4.3", "29", "0.26");
    private static final int SIGNED = 8;
    private static final int DECIMALS = 70;
    private static final Set<String> CONSTANTS = Set.of("pi", "e", "i");
    private static final Set<String> FUNCTIONS = Set.of("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos",
            "arctan", "arccot", "arcsec", "arccsc", "sinh", "cosh", "tanh", "arsinh", "arcosh", "artanh", "ln", "abs");

    /** @param values of the variables */
    record Point(Map<String, BigDecimal> values) {
        BigDecimal value(String variable) {
            return Objects.requireNonNull(values.get(variable));
        }
    }

    static Points of(Expression... expressions) {
        Contents contents = new Contents();
        for (Expression expression : expressions) {
            contents.add(expression);
        }
        List<String> variables = List.copyOf(contents.variables);
        boolean signed = contents.absolute || !contents.positive;
        List<Point> points = new ArrayList<>();
        int count = variables.isEmpty() ? 1 : signed ? SIGNED : MAGNITUDES.size();
        for (int i = 0; i < count; i++) {
            Map<String, BigDecimal> values = new HashMap<>();
            for (int j = 0; j < variables.size(); j++) {
                String variable = variables.get(j);
                boolean negative = signed && !variable.startsWith(POSITIVE) && (i + j * (1 + i / 2)) % 2 == 1;
                BigDecimal value = new BigDecimal(MAGNITUDES.get((i + 2 * j + j / 3) % MAGNITUDES.size()))
                    .multiply(BigDecimal.ONE.add(fraction(variable + i)));
                values.put(variable, negative ? value.negate() : value);
            }
            points.add(new Point(values));
        }
        return new Points(points, contents.imaginary, contents.absolute, contents.unknown);
    }

    /** Less than a quarter. */
    private static BigDecimal fraction(String name) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(name.getBytes(StandardCharsets.UTF_8));
            return new BigDecimal(new BigInteger(1, hash).mod(BigInteger.TEN.pow(DECIMALS)), DECIMALS)
                .divide(BigDecimal.valueOf(4));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static final class Contents {
        private final SortedSet<String> variables = new TreeSet<>();
        private boolean imaginary;
        private boolean absolute;
        private boolean positive;
        private boolean unknown;

        /** @return whether there are variables in it */
        boolean add(Expression expression) {
            return switch (expression) {
                case Expression.Fraction _ -> false;
                case Expression.Name(String name) -> name(name);
                case Expression.Sum(Expression left, Expression right) -> either(left, right);
                case Expression.Product(Expression left, Expression right) -> either(left, right);
                case Expression.Ratio(Expression above, Expression below) -> either(above, below);
                case Expression.Power(Expression base, Expression exponent) -> power(add(base), exponent);
                case Expression.Root(Expression of, int degree) -> positive(add(of), degree % 2 == 0);
                case Expression.Call(String function, Expression argument) -> call(function, add(argument));
            };
        }

        private boolean either(Expression left, Expression right) {
            boolean first = add(left);
            return add(right) || first;
        }

        private boolean name(String name) {
            imaginary |= name.equals("i");
            unknown |= name.equals("infty");
            if (CONSTANTS.contains(name)) {
                return false;
            }
            variables.add(name);
            return true;
        }

        private boolean power(boolean base, Expression exponent) {
            boolean odd = exponent instanceof Expression.Fraction(Rational number) && number.denominator().testBit(0);
            boolean above = add(exponent);
            return positive(base, !odd) || above;
        }

        private boolean call(String function, boolean argument) {
            absolute |= function.equals("abs") && argument;
            unknown |= !FUNCTIONS.contains(function);
            return positive(argument, function.equals("ln") || function.equals("arcosh"));
        }

        private boolean positive(boolean variables, boolean asked) {
            positive |= variables && asked;
            return variables;
        }
    }
}

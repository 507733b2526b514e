package dev.d3s.plugins.graders;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import dev.d3s.plugins.graders.Arithmetic.Value;
import dev.d3s.plugins.graders.MathValue.Scalar;

/**
 * Reads an answer as people and models write it, in LaTeX or plainly: {@code \frac{3}{4}}, {@code 2\sqrt{3}}, {@code x = 5},
 * {@code (1, 2]}, {@code \{1, 2\}}, {@code x^2 + 1}. What it does not understand it does not guess: {@link #parse} is null.
 * Each part of the text is looked at a bounded number of times, and nesting is bounded.
 */
final class MathParser {
    private static final int MAXIMUM_LENGTH = 2000;
    private static final int MAXIMUM_DEPTH = 40;
    private static final int MAXIMUM_ELEMENTS = 100;
    private static final int MAXIMUM_DIGITS = 400;

    private static final Set<String> FUNCTIONS = Set.of("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos",
            "arctan", "sinh", "cosh", "tanh", "log", "ln", "exp", "lg", "det", "gcd", "lcm", "max", "min");
    private static final Set<String> GREEK = Set.of("alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda",
            "mu",
            "nu", "xi", "rho", "sigma", "tau", "phi", "varphi", "psi", "omega", "pi", "infty", "Delta", "Omega",
            "Gamma", "Theta", "Lambda", "Phi", "Psi", "Sigma", "ell", "eta", "zeta", "kappa", "chi");
    /** Ends a row of a matrix, written with two backslashes. */
    private static final String ROW = "\u240a";
    private static final String DEGREES = "\u00b0";
    /** Functions of angles, and what their power -1 is. */
    private static final Map<String, String> INVERSES = Map.of("sin", "arcsin", "cos", "arccos", "tan", "arctan", "cot",
            "arccot", "sec", "arcsec", "csc", "arccsc", "sinh", "arsinh", "cosh", "arcosh", "tanh", "artanh");
    private static final Set<String> ANGULAR = Set.of("sin", "cos", "tan", "cot", "sec", "csc");
    /** What is written in several ways, or for looks only. */
    private static final List<Map.Entry<String, String>> SPELLINGS = List.of(Map.entry("\\\\", ROW),
            Map.entry("{,}", ","),
            Map.entry("\\dfrac", "\\frac"), Map.entry("\\tfrac", "\\frac"), Map.entry("\\cfrac", "\\frac"),
            Map.entry("\\left", ""), Map.entry("\\right", ""), Map.entry("\\bigl", ""), Map.entry("\\bigr", ""),
            Map.entry("\\big", ""), Map.entry("\\Big", ""), Map.entry("\\displaystyle", ""), Map.entry("\\!", ""),
            Map.entry("\\,", ""), Map.entry("\\;", " "), Map.entry("\\:", " "), Map.entry("\\ ", " "),
            Map.entry("\\quad", " "), Map.entry("\\qquad", " "), Map.entry("~", " "), Map.entry("\u00a0", " "),
            Map.entry("^{\\circ}", DEGREES), Map.entry("^\\circ", DEGREES), Map.entry("\\degree", DEGREES),
            Map.entry("\\%", "%"), Map.entry("\\$", ""), Map.entry("$", ""), Map.entry("\u20ac", ""),
            Map.entry("\u00a3", ""), Map.entry("\u2212", "-"), Map.entry("\u2013", "-"),
            Map.entry("\u00d7", "\\times "),
            Map.entry("\u00f7", "\\div "), Map.entry("\u00b7", "\\cdot "), Map.entry("\u22c5", "\\cdot "),
            Map.entry("\u03c0", "\\pi "), Map.entry("\u221a", "\\sqrt "), Map.entry("\u221e", "\\infty "),
            Map.entry("\u00b2", "^2"), Map.entry("\u00b3", "^3"), Map.entry("\u00b1", "\\pm "),
            Map.entry("\u222a", "\\cup "), Map.entry("\u2264", "\\le "), Map.entry("\u2265", "\\ge "),
            Map.entry("\u2260", "\\ne "), Map.entry("\\leq", "\\le"), Map.entry("\\geq", "\\ge"),
            Map.entry("\\neq", "\\ne"), Map.entry("\\lt", "<"), Map.entry("\\gt", ">"), Map.entry("<=", "\\le "),
            Map.entry(">=", "\\ge "), Map.entry("!=", "\\ne "), Map.entry("\\lbrace", "\\{"),
            Map.entry("\\rbrace", "\\}"), Map.entry("\\langle", "("), Map.entry("\\rangle", ")"),
            Map.entry("\\lvert", "|"), Map.entry("\\rvert", "|"), Map.entry("\\ldots", "\\dots"),
            Map.entry("**", "^"));
    private static final List<String> TEXT_COMMANDS = List.of("\\text", "\\textbf", "\\textit", "\\mathrm", "\\mathbf",
            "\\mbox", "\\textrm", "\\operatorname", "\\mathit", "\\mathbb");

    /** The answer cannot be read. */
    private static final class Unreadable extends Exception {
        private static final long serialVersionUID = 1L;

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this; // it says nothing about the program
        }
    }

    private final Arithmetic arithmetic;

    MathParser(Arithmetic arithmetic) {
        this.arithmetic = arithmetic;
    }

    /** @return null when this is no answer that can be compared */
    @Nullable
    MathValue parse(String text) {
        if (text.length() > MAXIMUM_LENGTH) {
            return null;
        }
        String plain = text;
        for (Map.Entry<String, String> spelling : SPELLINGS) {
            plain = plain.replace(spelling.getKey(), spelling.getValue());
        }
        if (ANGULAR.stream().noneMatch(plain::contains)) {
            plain = plain.replace(DEGREES, ""); // a unit like others
        }
        plain = plain.strip();
        while (plain.endsWith(".") || plain.endsWith(",") || plain.endsWith(";")) {
            plain = plain.substring(0, plain.length() - 1).strip();
        }
        MathValue.Words words = words(plain);
        if (words != null) {
            return words;
        }
        try {
            return value(withoutTexts(plain), 0);
        } catch (Unreadable | ArithmeticException e) {
            return null;
        }
    }

    // ---------------------------------------------------------------- words

    /** Letters and spaces only, of which one run is longer than a product of variables would be; or all inside \text{}. */
    private static MathValue.@Nullable Words words(String text) {
        String inside = text;
        boolean isText = false;
        for (String command : TEXT_COMMANDS) {
            if (inside.startsWith(command + "{")
                    && closing(inside, command.length(), '{', '}') == inside.length() - 1) {
                inside = inside.substring(command.length() + 1, inside.length() - 1).strip();
                isText = true;
            }
        }
        String bare = inside.startsWith("(") && inside.endsWith(")") && inside.length() == 3
                ? inside.substring(1, 2)
                : inside;
        if (bare.isEmpty() || !bare.chars().allMatch(c -> Character.isLetter(c) || c == ' ' || c == '-' || c == '\'')) {
            return null;
        }
        boolean letter = bare.length() == 1 && bare.charAt(0) >= 'A' && bare.charAt(0) <= 'Z';
        boolean long3 = false;
        for (String word : bare.split("[ '-]+")) {
            long3 |= word.length() >= 3 && !FUNCTIONS.contains(word) && !GREEK.contains(word);
        }
        return isText || long3 || letter
                ? new MathValue.Words(bare.toLowerCase(Locale.ROOT).replaceAll("\\s+", " "))
                : null;
    }

    /** Texts inside mathematics are units, or say and and or. */
    private static String withoutTexts(String text) {
        StringBuilder plain = new StringBuilder();
        int position = 0;
        while (position < text.length()) {
            String command = textCommand(text, position);
            int brace = command == null ? -1 : position + command.length();
            int close = brace < 0 ? -1 : closing(text, brace, '{', '}');
            if (close < 0) {
                plain.append(text.charAt(position++));
                continue;
            }
            String inside = text.substring(brace + 1, close).strip().toLowerCase(Locale.ROOT);
            position = close + 1;
            if (inside.equals("and") || inside.equals("or")) {
                plain.append(" , ");
            } else if (inside.equals("i") || inside.equals("e")) {
                plain.append(inside);
            } else {
                plain.append(' ');
                // the power of a unit
                if (text.startsWith("^{2}", position) || text.startsWith("^{3}", position)) {
                    position += 4;
                } else if (text.startsWith("^2", position) || text.startsWith("^3", position)) {
                    position += 2;
                }
            }
        }
        return plain.toString().replace(" and ", " , ").replace(" or ", " , ").strip();
    }

    private static @Nullable String textCommand(String text, int position) {
        if (text.charAt(position) == '\\') {
            for (String command : TEXT_COMMANDS) {
                if (text.startsWith(command + "{", position)) {
                    return command;
                }
            }
        }
        return null;
    }

    /** Index of the bracket that closes the one at {@code open}, or -1. */
    private static int closing(String text, int open, char opening, char closing) {
        int depth = 0;
        for (int i = open; i < text.length(); i++) {
            char c = text.charAt(i);
            depth += c == opening ? 1 : c == closing ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        return -1;
    }

    // ---------------------------------------------------------------- structure

    private MathValue value(String given, int depth) throws Unreadable {
        String text = given.strip();
        if (depth > MAXIMUM_DEPTH || text.isEmpty()) {
            throw new Unreadable();
        }
        int in = text.lastIndexOf("\\in ");
        if (in < 0 && text.contains("\\in(")) {
            in = text.lastIndexOf("\\in(");
        }
        if (in >= 0 && depth == 0) {
            return value(text.substring(in + 3), depth + 1);
        }
        List<String> parts = grouped(text) ? List.of(text) : split(text, List.of(","));
        if (parts.size() > 1) {
            return unordered(parts, depth);
        }
        parts = split(text, List.of("\\cup"));
        if (parts.size() > 1) {
            return unordered(parts, depth);
        }
        if (text.contains("\\pm")) {
            return unordered(List.of(text.replace("\\pm", "+").replace("\\mp", "-"),
                    text.replace("\\pm", "-").replace("\\mp", "+")), depth);
        }
        MathValue relation = relation(text, depth);
        if (relation != null) {
            return relation;
        }
        MathValue bracketed = bracketed(text, depth);
        return bracketed == null ? scalar(text) : bracketed;
    }

    /** Whether the commas are those between thousands. */
    private static boolean grouped(String text) {
        String number = text.startsWith("-") ? text.substring(1) : text;
        return number.matches("[0-9]{1,3}(?:,[0-9]{3})++(?:\\.[0-9]++)?%?");
    }

    private MathValue unordered(List<String> parts, int depth) throws Unreadable {
        List<MathValue> elements = new ArrayList<>();
        for (String part : parts) {
            MathValue element = value(part, depth + 1);
            elements.addAll(element instanceof MathValue.Unordered several ? several.elements() : List.of(element));
            if (elements.size() > MAXIMUM_ELEMENTS) {
                throw new Unreadable();
            }
        }
        return new MathValue.Unordered(elements);
    }

    /** At separators outside of all brackets. */
    private static List<String> split(String text, List<String> separators) throws Unreadable {
        List<String> parts = new ArrayList<>();
        int depth = 0;
        int begin = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            depth += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
            if (depth != 0) {
                continue;
            }
            for (String separator : separators) {
                if (text.startsWith(separator, i)) {
                    parts.add(text.substring(begin, i));
                    begin = i + separator.length();
                    i = begin - 1;
                    break;
                }
            }
            if (parts.size() > MAXIMUM_ELEMENTS) {
                throw new Unreadable();
            }
        }
        parts.add(text.substring(begin));
        return parts;
    }

    private @Nullable MathValue relation(String text, int depth) throws Unreadable {
        List<String> sides = new ArrayList<>();
        List<String> signs = new ArrayList<>();
        int level = 0;
        int begin = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            level += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
            String sign = level != 0 ? null : sign(text, i);
            if (sign != null) {
                sides.add(text.substring(begin, i));
                signs.add(sign);
                i += sign.length() - 1;
                begin = i + 1;
            }
        }
        if (signs.isEmpty()) {
            return null;
        }
        sides.add(text.substring(begin));
        if (signs.stream().allMatch("="::equals)) {
            // x = 5 names a value, as does 2 + 3 = 5; x + y = 5 says something about two
            boolean named = sides.size() > 2 || isName(sides.getFirst()) || scalarOrNull(sides.getFirst()) == null
                    || isNumber(sides.getFirst());
            return named
                    ? value(sides.getLast(), depth + 1)
                    : new MathValue.Relation("=", difference(sides.get(0), sides.get(1)));
        }
        return inequality(sides, signs);
    }

    private static @Nullable String sign(String text, int i) {
        for (String sign : List.of("=", "<", ">", "\\le", "\\ge", "\\ne")) {
            int end = i + sign.length();
            if (text.startsWith(sign, i) && (sign.length() == 1 || end == text.length()
                    || !Character.isLetter(text.charAt(end)))) {
                return sign;
            }
        }
        return null;
    }

    /** Of one variable: an interval; of others: a relation. */
    private MathValue inequality(List<String> sides, List<String> signs) throws Unreadable {
        boolean falling = signs.stream().allMatch(sign -> sign.equals(">") || sign.equals("\\ge"));
        if (falling) {
            return inequality(sides.reversed(), signs.reversed()
                .stream()
                .map(sign -> sign.equals(">") ? "<" : "\\le")
                .toList());
        }
        boolean rising = signs.stream().allMatch(sign -> sign.equals("<") || sign.equals("\\le"));
        MathValue infinity = new Scalar(arithmetic.symbol("infty"), false, false);
        MathValue minusInfinity = new Scalar(arithmetic.negated(arithmetic.symbol("infty")), false, false);
        if (rising && sides.size() == 3 && isName(sides.get(1))) {
            return interval(scalar(sides.get(0)), signs.get(0), signs.get(1), scalar(sides.get(2)));
        }
        if (rising && sides.size() == 2 && isName(sides.get(0)) && isNumber(sides.get(1))) {
            return interval(minusInfinity, "<", signs.get(0), scalar(sides.get(1)));
        }
        if (rising && sides.size() == 2 && isName(sides.get(1)) && isNumber(sides.get(0))) {
            return interval(scalar(sides.get(0)), signs.get(0), "<", infinity);
        }
        if (sides.size() == 2 && (rising || signs.equals(List.of("\\ne")))) {
            String sign = signs.getFirst().equals("\\le") ? "<=" : signs.getFirst().equals("\\ne") ? "!=" : "<";
            return new MathValue.Relation(sign, difference(sides.get(0), sides.get(1)));
        }
        throw new Unreadable();
    }

    private static MathValue interval(MathValue from, String left, String right, MathValue to) {
        return new MathValue.Ordered((left.equals("<") ? "(" : "[") + (right.equals("<") ? ")" : "]"),
                List.of(from, to));
    }

    private Value difference(String left, String right) throws Unreadable {
        return arithmetic.plus(scalar(left).value(), arithmetic.negated(scalar(right).value()));
    }

    /** One letter, perhaps with an index or an argument: x, x_1, f(x), \theta. */
    private static boolean isName(String side) {
        return side.strip().matches("\\\\?[A-Za-z]{1,8}(?:_(?:[A-Za-z0-9]|\\{[A-Za-z0-9]{1,8}\\}))?(?:\\([a-z]\\))?")
                && (side.strip().startsWith("\\") || side.strip().replaceAll("[_(].*", "").length() == 1);
    }

    private boolean isNumber(String side) {
        Scalar scalar = scalarOrNull(side);
        return scalar != null && scalar.value().constant() != null;
    }

    private @Nullable Scalar scalarOrNull(String side) {
        try {
            return scalar(side);
        } catch (Unreadable | ArithmeticException e) {
            return null;
        }
    }

    private @Nullable MathValue bracketed(String text, int depth) throws Unreadable {
        if (text.startsWith("\\{") && text.endsWith("\\}")) {
            String inside = text.substring(2, text.length() - 2).strip();
            return inside.isEmpty()
                    ? new MathValue.Unordered(List.of())
                    : unordered(split(inside, List.of(",")), depth + 1);
        }
        if (text.equals("\\emptyset") || text.equals("\\varnothing")) {
            return new MathValue.Unordered(List.of());
        }
        for (String kind : List.of("pmatrix", "bmatrix", "vmatrix", "matrix", "Bmatrix")) {
            String begin = "\\begin{" + kind + "}";
            String end = "\\end{" + kind + "}";
            if (text.startsWith(begin) && text.endsWith(end) && text.length() >= begin.length() + end.length()) {
                return matrix(text.substring(begin.length(), text.length() - end.length()),
                        kind.equals("vmatrix") ? "||" : "matrix", depth);
            }
        }
        char first = text.charAt(0);
        char last = text.charAt(text.length() - 1);
        if ((first == '(' || first == '[') && (last == ')' || last == ']') && text.length() > 2) {
            String inside = text.substring(1, text.length() - 1);
            List<String> parts = split(inside, List.of(","));
            if (parts.size() > 1 && isBalanced(inside)) {
                List<MathValue> elements = new ArrayList<>();
                for (String part : parts) {
                    elements.add(value(part, depth + 1));
                }
                return new MathValue.Ordered("" + first + last, elements);
            }
        }
        return null;
    }

    /** Whether no bracket inside closes one that was opened outside. */
    private static boolean isBalanced(String inside) {
        int depth = 0;
        for (int i = 0; i < inside.length(); i++) {
            char c = inside.charAt(i);
            depth += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
            if (depth < 0) {
                return false;
            }
        }
        return depth == 0;
    }

    private MathValue matrix(String inside, String brackets, int depth) throws Unreadable {
        List<MathValue> rows = new ArrayList<>();
        for (String row : inside.strip().split(ROW, -1)) {
            if (row.isBlank()) {
                continue;
            }
            List<MathValue> cells = new ArrayList<>();
            for (String cell : row.split("&", -1)) {
                cells.add(value(cell, depth + 1));
            }
            rows.add(new MathValue.Ordered("row", cells));
        }
        return new MathValue.Ordered(brackets, rows);
    }

    // ---------------------------------------------------------------- expressions

    private Scalar scalar(String text) throws Unreadable {
        String plain = withoutUnit(text.strip());
        boolean percent = plain.endsWith("%");
        Reader expression = new Reader(percent ? plain.substring(0, plain.length() - 1).strip() : plain);
        Value value = expression.whole();
        return new Scalar(value, percent, expression.unfinished);
    }

    /** Without words at the end, such as square units. */
    private static String withoutUnit(String text) {
        int end = text.length();
        while (end > 0 && (Character.isLetter(text.charAt(end - 1)) || text.charAt(end - 1) == ' ')) {
            end--;
        }
        if (end == 0 || end == text.length() || text.charAt(end - 1) == '\\' || text.charAt(end - 1) == '{'
                || text.charAt(end - 1) == '_') {
            return text;
        }
        String words = text.substring(end).strip();
        boolean unit = !words.isEmpty() && List.of(words.split(" +")).stream().allMatch(word -> word.length() >= 3);
        return unit && !FUNCTIONS.contains(words) ? text.substring(0, end).strip() : text;
    }

    /** Reads one expression; loosest to tightest: sums, products, signs, powers. */
    private final class Reader {
        private final String text;
        private int position;
        private int depth;
        /** How many functions of angles this is inside of. */
        private int angles;
        /** Whether two plain numbers were added or multiplied. */
        private boolean unfinished;

        Reader(String text) {
            this.text = text;
        }

        Value whole() throws Unreadable {
            Value value = sum();
            skipSpaces();
            if (position < text.length()) {
                throw new Unreadable();
            }
            return value;
        }

        private void enter() throws Unreadable {
            if (++depth > 3 * MAXIMUM_DEPTH) {
                throw new Unreadable();
            }
        }

        private Value sum() throws Unreadable {
            enter();
            Value value = product();
            while (true) {
                boolean minus = peek() == '-';
                if (!minus && peek() != '+') {
                    depth--;
                    return value;
                }
                position++;
                Value next = product();
                unfinished |= value.constant() != null && next.constant() != null;
                value = arithmetic.plus(value, minus ? arithmetic.negated(next) : next);
            }
        }

        private Value product() throws Unreadable {
            enter();
            Value value = signed();
            while (true) {
                if (accept("*") || accept("\\cdot") || accept("\\times")) {
                    Value next = signed();
                    unfinished |= value.constant() != null && next.constant() != null && !isPowerOfTen(next);
                    value = arithmetic.times(value, next);
                } else if (accept("/") || accept("\\div")) {
                    value = arithmetic.over(value, signed());
                } else if (startsFactor()) {
                    int begin = position;
                    Value next = power();
                    if (value.constant() != null && next.constant() != null) {
                        value = mixed(value, next, begin);
                    } else {
                        value = arithmetic.times(value, next);
                    }
                } else {
                    depth--;
                    return value;
                }
            }
        }

        private boolean isPowerOfTen(Value value) {
            Rational number = value.constant();
            if (number == null || number.signum() <= 0) {
                return false;
            }
            BigInteger large = number.numerator().max(number.denominator());
            return number.numerator().min(number.denominator()).equals(BigInteger.ONE)
                    && large.toString().matches("10*");
        }

        /** Two numbers side by side: a whole one and a fraction are one number, with brackets a product. */
        private Value mixed(Value whole, Value next, int begin) throws Unreadable {
            Rational first = whole.constant();
            Rational second = next.constant();
            boolean fraction = text.startsWith("\\frac", begin);
            if (fraction && first != null && second != null && first.isWhole() && second.signum() > 0
                    && second.numerator().compareTo(second.denominator()) < 0) {
                return first.signum() < 0
                        ? arithmetic.plus(whole, arithmetic.negated(next))
                        : arithmetic.plus(whole, next);
            }
            if (text.charAt(begin) == '(' || text.charAt(begin) == '\\' || text.charAt(begin) == '{') {
                unfinished = true;
                return arithmetic.times(whole, next);
            }
            throw new Unreadable();
        }

        private boolean startsFactor() {
            char c = peek();
            return c == '(' || c == '{' || c == '[' || Character.isLetterOrDigit(c) || c == '.'
                    || (c == '\\' && !text.startsWith("\\cdot", position) && !text.startsWith("\\times", position)
                            && !text.startsWith("\\div", position) && !text.startsWith("\\}", position));
        }

        private Value signed() throws Unreadable {
            enter();
            Value value;
            if (accept("-")) {
                value = arithmetic.negated(signed());
            } else if (accept("+")) {
                value = signed();
            } else {
                value = power();
            }
            depth--;
            return value;
        }

        private Value power() throws Unreadable {
            enter();
            Value base = atom();
            while (accept("!")) {
                base = arithmetic.factorial(base);
            }
            if (accept("^")) {
                base = arithmetic.power(base, exponent());
            }
            if (accept(DEGREES) && angles > 0) {
                base = arithmetic.times(base,
                        arithmetic.over(arithmetic.symbol("pi"), arithmetic.number(Rational.of(180))));
            }
            depth--;
            return base;
        }

        private Value exponent() throws Unreadable {
            skipSpaces();
            if (accept("-")) {
                return arithmetic.negated(exponent());
            }
            if (peek() == '{') {
                Value exponent = group('{', '}');
                return accept("^") ? arithmetic.power(exponent, exponent()) : exponent;
            }
            // LaTeX takes one character, people more
            return power();
        }

        private Value atom() throws Unreadable {
            enter();
            try {
                char c = peek();
                if (isDigit(c) || c == '.') {
                    return number();
                }
                if (c == '(') {
                    return group('(', ')');
                }
                if (c == '[') {
                    return group('[', ']');
                }
                if (c == '{') {
                    return group('{', '}');
                }
                if (c == '|') {
                    position++;
                    Value inside = sum();
                    if (!accept("|")) {
                        throw new Unreadable();
                    }
                    return arithmetic.absolute(inside);
                }
                if (c == '\\') {
                    return command();
                }
                if (Character.isLetter(c)) {
                    return letters();
                }
                throw new Unreadable();
            } finally {
                depth--;
            }
        }

        private Value group(char opening, char closing) throws Unreadable {
            if (!accept(String.valueOf(opening))) {
                throw new Unreadable();
            }
            Value value = sum();
            if (!accept(String.valueOf(closing))) {
                throw new Unreadable();
            }
            return value;
        }

        private Value number() throws Unreadable {
            StringBuilder digits = new StringBuilder();
            while (isDigit(peekHere())) {
                digits.append(peekHere());
                position++;
                if (peekHere() == ',' && digits.length() <= 3 + 3 * (digits.length() / 3) && groupFollows()) {
                    position++;
                }
            }
            if (peekHere() == '.' && position + 1 < text.length() && isDigit(text.charAt(position + 1))) {
                digits.append(digits.isEmpty() ? "0." : ".");
                position++;
                while (isDigit(peekHere())) {
                    digits.append(peekHere());
                    position++;
                }
            } else if (peekHere() == '.' && !digits.isEmpty()) {
                position++; // a point without decimals
            }
            if (digits.isEmpty() || digits.length() > MAXIMUM_DIGITS) {
                throw new Unreadable();
            }
            Rational value = Rational.ofDecimal(digits.toString());
            return arithmetic.number(scientific(value));
        }

        private boolean groupFollows() {
            return position + 3 < text.length() && isDigit(text.charAt(position + 1))
                    && isDigit(text.charAt(position + 2)) && isDigit(text.charAt(position + 3))
                    && (position + 4 == text.length() || !isDigit(text.charAt(position + 4)));
        }

        /** A whole number follows an e directly: 1.5e-3. */
        private Rational scientific(Rational value) {
            if (peekHere() != 'e' && peekHere() != 'E') {
                return value;
            }
            int end = position + 1;
            boolean minus = end < text.length() && text.charAt(end) == '-';
            if (minus || (end < text.length() && text.charAt(end) == '+')) {
                end++;
            }
            int first = end;
            while (end < text.length() && isDigit(text.charAt(end))) {
                end++;
            }
            if (end == first || end - first > 3 || (end < text.length() && Character.isLetter(text.charAt(end)))) {
                return value;
            }
            int exponent = Integer.parseInt(text.substring(first, end));
            position = end;
            return value.times(Rational.of(10).power(minus ? -exponent : exponent));
        }

        private Value letters() throws Unreadable {
            int end = position;
            while (end < text.length() && Character.isLetter(text.charAt(end))) {
                end++;
            }
            String word = text.substring(position, end);
            for (String function : List.of("sqrt", "pi", "infinity", "inf")) {
                if (word.equals(function)) {
                    position = end;
                    return function.equals("sqrt")
                            ? arithmetic.root(argument(), 2)
                            : arithmetic.symbol(function.equals("pi") ? "pi" : "infty");
                }
            }
            if (FUNCTIONS.contains(word)) {
                position = end;
                return function(word);
            }
            if (word.length() > 3) {
                throw new Unreadable();
            }
            // variables side by side are a product; each may have a power of its own, so one at a time
            position++;
            return arithmetic.symbol(String.valueOf(word.charAt(0)) + index());
        }

        private String index() throws Unreadable {
            if (peekHere() != '_') {
                return "";
            }
            position++;
            if (peekHere() == '{') {
                int close = text.indexOf('}', position);
                if (close < 0) {
                    throw new Unreadable();
                }
                String index = text.substring(position + 1, close);
                position = close + 1;
                return "_" + index.replace(" ", "");
            }
            if (position >= text.length()) {
                throw new Unreadable();
            }
            return "_" + text.charAt(position++);
        }

        private Value command() throws Unreadable {
            int end = position + 1;
            while (end < text.length() && Character.isLetter(text.charAt(end))) {
                end++;
            }
            String name = text.substring(position + 1, end);
            position = end;
            if (name.equals("frac")) {
                Value above = digitOrArgument();
                return arithmetic.over(above, digitOrArgument());
            }
            if (name.equals("sqrt")) {
                int degree = 2;
                if (peek() == '[') {
                    Rational given = group('[', ']').constant();
                    if (given == null || !given.isWhole() || given.numerator().bitLength() > 8) {
                        throw new Unreadable();
                    }
                    degree = given.numerator().intValueExact();
                }
                return arithmetic.root(digitOrArgument(), degree);
            }
            if (name.equals("binom") || name.equals("dbinom") || name.equals("tbinom")) {
                return binomial(digitOrArgument(), digitOrArgument());
            }
            if (GREEK.contains(name)) {
                return arithmetic.symbol(name + index());
            }
            if (FUNCTIONS.contains(name)) {
                return function(name);
            }
            throw new Unreadable();
        }

        /** n (n - 1) ... (n - k + 1) / k!, for other k by factorials. */
        private Value binomial(Value n, Value k) throws Unreadable {
            Rational above = n.constant();
            Rational below = k.constant();
            if (above != null && (!above.isWhole() || above.numerator().bitLength() > 8)) {
                throw new Unreadable();
            }
            if (below == null) {
                return arithmetic.over(arithmetic.factorial(n),
                        arithmetic.times(arithmetic.factorial(k), arithmetic.factorial(arithmetic.minus(n, k))));
            }
            if (!below.isWhole() || below.signum() < 0 || below.numerator().bitLength() > 8
                    || (above != null && below.numerator().compareTo(above.numerator()) > 0)) {
                throw new Unreadable();
            }
            Value value = arithmetic.number(Rational.ONE);
            for (int i = 1; i <= below.numerator().intValueExact(); i++) {
                value = arithmetic.over(
                        arithmetic.times(value, arithmetic.plus(n, arithmetic.number(Rational.of(1 - i)))),
                        arithmetic.number(Rational.of(i)));
            }
            return value;
        }

        private Value digitOrArgument() throws Unreadable {
            skipSpaces();
            if (isDigit(peekHere())) {
                return arithmetic.number(Rational.of(text.charAt(position++) - '0'));
            }
            return argument();
        }

        /** What a function is of, without brackets one factor. */
        private Value argument() throws Unreadable {
            return peek() == '{' ? group('{', '}') : atom();
        }

        private Value function(String name) throws Unreadable {
            String index = "";
            Value power = null;
            skipSpaces();
            while (peekHere() == '_' || peekHere() == '^') {
                if (peekHere() == '_') {
                    index = index();
                } else {
                    position++;
                    power = exponent();
                }
                skipSpaces();
            }
            String inverse = power != null && Rational.of(-1).equals(power.constant()) ? INVERSES.get(name) : null;
            angles += ANGULAR.contains(name) && inverse == null ? 1 : 0;
            Value argument = peek() == '(' || peek() == '{' ? argument() : bare();
            angles -= ANGULAR.contains(name) && inverse == null ? 1 : 0;
            if (inverse != null) {
                return arithmetic.function(inverse, argument);
            }
            Value value = switch (name) {
                case "exp" -> arithmetic.power(arithmetic.symbol("e"), argument);
                case "log" -> arithmetic.logarithm(name + index, base(index), argument);
                case "lg" -> arithmetic.logarithm(name, arithmetic.number(Rational.of(10)), argument);
                default -> arithmetic.function(name + index, argument);
            };
            return power == null ? value : arithmetic.power(value, power);
        }

        /** Of a logarithm; null where it has none that can be read. */
        private @Nullable Value base(String index) {
            Scalar scalar = index.isEmpty() ? null : scalarOrNull(index.substring(1));
            return scalar == null ? null : scalar.value();
        }

        /** Without brackets: one factor, and behind a number or pi also the variables that follow, as in sin 2x. */
        private Value bare() throws Unreadable {
            char first = peek();
            Value value = power();
            boolean coefficient = isDigit(first) || value.written().equals(new Expression.Name("pi"));
            while (coefficient && namesFollow()) {
                value = arithmetic.times(value, power());
            }
            return value;
        }

        /** Whether a variable stands here, and no function. */
        private boolean namesFollow() {
            skipSpaces();
            int begin = peekHere() == '\\' ? position + 1 : position;
            int end = begin;
            while (end < text.length() && Character.isLetter(text.charAt(end))) {
                end++;
            }
            String word = text.substring(begin, end);
            return begin > position
                    ? GREEK.contains(word)
                    : !word.isEmpty() && word.length() <= 3 && !FUNCTIONS.contains(word);
        }

        private boolean accept(String wanted) {
            skipSpaces();
            int end = position + wanted.length();
            boolean command = wanted.length() > 1;
            if (!text.startsWith(wanted, position)
                    || (command && end < text.length() && Character.isLetter(text.charAt(end)))) {
                return false;
            }
            position = end;
            return true;
        }

        private void skipSpaces() {
            while (position < text.length() && Character.isWhitespace(text.charAt(position))) {
                position++;
            }
        }

        private char peek() {
            skipSpaces();
            return peekHere();
        }

        private char peekHere() {
            return position < text.length() ? text.charAt(position) : '\0';
        }

        private static boolean isDigit(char c) {
            return c >= '0' && c <= '9';
        }
    }
}

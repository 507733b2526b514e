package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

import org.jspecify.annotations.Nullable;

/**
 * Arithmetic over named numbers, as in the {@code calculate_output} of OpenAI's multi grader: {@code + - * / ^}, parentheses,
 * and the functions of {@link #FUNCTIONS}. From loosest to tightest: sums, products, signs, powers; {@code ^} associates to
 * the right, so that {@code -2 ^ 2} is -4 and {@code 2 ^ 3 ^ 2} is 512. Immutable; computes in double.
 */
final class Formula {
    /** Longer ones are not written by people. */
    static final int MAXIMUM_LENGTH = 2_000;

    /** Parentheses, functions and powers inside each other; each is a frame of the parser's stack. */
    private static final int MAXIMUM_DEPTH = 200;

    static final List<String> FUNCTIONS = List.of("abs", "ceil", "exp", "floor", "log", "max", "min", "sqrt");

    /** A formula that cannot be read. */
    static final class SyntaxException extends Exception {
        private static final long serialVersionUID = 1L;

        /** @param position index of the character at fault, 0-based; the message counts from 1 */
        SyntaxException(int position, String what) {
            super(what + " at character " + (position + 1));
        }

        String text() {
            return Objects.requireNonNull(getMessage());
        }
    }

    private sealed interface Node {
        record Constant(double value) implements Node {}

        record Name(String name) implements Node {}

        record Unary(DoubleUnaryOperator operator, Node of) implements Node {}

        record Binary(DoubleBinaryOperator operator, Node left, Node right) implements Node {}
    }

    private final Node root;
    private final Set<String> names;

    private Formula(Node root, Set<String> names) {
        this.root = root;
        this.names = names;
    }

    static Formula parse(String text) throws SyntaxException {
        if (text.length() > MAXIMUM_LENGTH) {
            throw new SyntaxException(MAXIMUM_LENGTH, "It is longer than " + MAXIMUM_LENGTH + " characters, cut off");
        }
        Parser parser = new Parser(text);
        Node root = parser.whole();
        return new Formula(root, Set.copyOf(parser.names));
    }

    /** Names it uses. */
    Set<String> names() {
        return names;
    }

    /**
     * @param values of all names
     * @return what comes out, which may be infinite or NaN, as after a division by 0
     */
    double of(Map<String, Double> values) {
        return value(root, values);
    }

    private static double value(Node node, Map<String, Double> values) {
        return switch (node) {
            case Node.Constant(double value) -> value;
            case Node.Name(String name) -> Objects.requireNonNull(values.get(name), name);
            case Node.Unary unary -> unary.operator().applyAsDouble(value(unary.of(), values));
            case Node.Binary binary ->
                binary.operator().applyAsDouble(value(binary.left(), values), value(binary.right(), values));
        };
    }

    private static final class Parser {
        private final String text;
        private final Set<String> names = new LinkedHashSet<>();
        private int position;
        private int depth;

        Parser(String text) {
            this.text = text;
        }

        Node whole() throws SyntaxException {
            Node node = sum();
            if (position < text.length()) {
                throw unexpected();
            }
            return node;
        }

        private Node sum() throws SyntaxException {
            enter();
            Node node = product();
            while (true) {
                if (accept('+')) {
                    node = new Node.Binary(Double::sum, node, product());
                } else if (accept('-')) {
                    node = new Node.Binary((a, b) -> a - b, node, product());
                } else {
                    depth--;
                    return node;
                }
            }
        }

        private Node product() throws SyntaxException {
            Node node = signed();
            while (true) {
                if (accept('*')) {
                    node = new Node.Binary((a, b) -> a * b, node, signed());
                } else if (accept('/')) {
                    node = new Node.Binary((a, b) -> a / b, node, signed());
                } else {
                    return node;
                }
            }
        }

        private Node signed() throws SyntaxException {
            enter();
            Node node;
            if (accept('-')) {
                node = new Node.Unary(value -> -value, signed());
            } else if (accept('+')) {
                node = signed();
            } else {
                node = power();
            }
            depth--;
            return node;
        }

        private Node power() throws SyntaxException {
            Node base = atom();
            return accept('^') ? new Node.Binary(Math::pow, base, signed()) : base;
        }

        private Node atom() throws SyntaxException {
            skipSpaces();
            char c = peek();
            if (accept('(')) {
                Node node = sum();
                expect(')');
                return node;
            }
            if (digit(c) || c == '.') {
                return number();
            }
            if (letter(c)) {
                int begin = position;
                while (letter(peek()) || digit(peek())) {
                    position++;
                }
                String name = text.substring(begin, position);
                if (accept('(')) {
                    return function(name, begin);
                }
                names.add(name);
                return new Node.Name(name);
            }
            throw unexpected();
        }

        private Node function(String name, int begin) throws SyntaxException {
            List<Node> arguments = new ArrayList<>();
            if (!accept(')')) {
                do {
                    arguments.add(sum());
                } while (accept(','));
                expect(')');
            }
            @Nullable
            DoubleUnaryOperator one = switch (name) {
                case "abs" -> Math::abs;
                case "ceil" -> Math::ceil;
                case "exp" -> Math::exp;
                case "floor" -> Math::floor;
                case "log" -> Math::log;
                case "sqrt" -> Math::sqrt;
                default -> null;
            };
            @Nullable
            DoubleBinaryOperator several = switch (name) {
                case "max" -> Math::max;
                case "min" -> Math::min;
                default -> null;
            };
            if (one != null && arguments.size() == 1) {
                return new Node.Unary(one, arguments.getFirst());
            }
            if (several != null && !arguments.isEmpty()) {
                return arguments.stream().reduce((left, right) -> new Node.Binary(several, left, right)).orElseThrow();
            }
            throw new SyntaxException(begin,
                    one == null && several == null
                            ? "There is no function '" + name + "', known are " + String.join(", ", FUNCTIONS) + ","
                            : "'" + name + "' takes " + (one != null ? "one value" : "one or more values") + ", not "
                                    + arguments.size() + ",");
        }

        private Node number() throws SyntaxException {
            int begin = position;
            while (digit(peek())) {
                position++;
            }
            if (peek() == '.') {
                position++;
                while (digit(peek())) {
                    position++;
                }
            }
            int mantissa = position;
            if (peek() == 'e' || peek() == 'E') {
                position++;
                if (peek() == '-' || peek() == '+') {
                    position++;
                }
                if (digit(peek())) {
                    while (digit(peek())) {
                        position++;
                    }
                } else {
                    position = mantissa;
                }
            }
            String number = text.substring(begin, position);
            if (number.equals(".")) {
                position = begin;
                throw unexpected();
            }
            double value = Double.parseDouble(number);
            if (!Double.isFinite(value)) {
                throw new SyntaxException(begin, "The number is too large");
            }
            return new Node.Constant(value);
        }

        private void enter() throws SyntaxException {
            if (++depth > MAXIMUM_DEPTH) {
                throw new SyntaxException(position, "It is nested more than " + MAXIMUM_DEPTH / 2 + " deep");
            }
        }

        private boolean accept(char wanted) {
            skipSpaces();
            if (peek() != wanted) {
                return false;
            }
            position++;
            skipSpaces();
            return true;
        }

        private void expect(char wanted) throws SyntaxException {
            if (!accept(wanted)) {
                throw new SyntaxException(position, "'" + wanted + "' is missing");
            }
        }

        private SyntaxException unexpected() {
            return position >= text.length()
                    ? new SyntaxException(position, "Something is missing")
                    : new SyntaxException(position, "'" + text.substring(position,
                            text.offsetByCodePoints(position, 1)) + "' is not expected");
        }

        private void skipSpaces() {
            while (position < text.length() && Character.isWhitespace(text.charAt(position))) {
                position++;
            }
        }

        private char peek() {
            return position < text.length() ? text.charAt(position) : '\0';
        }

        private static boolean digit(char c) {
            return c >= '0' && c <= '9';
        }

        private static boolean letter(char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        }
    }
}

package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Finds the numbers in a text: integers, decimals, thousands separated by commas, fractions {@code a/b} and
 * {@code \frac{a}{b}}, mixed numbers, percentages, and powers of ten behind a number ({@code 1.5e-3}, {@code 2 \times 10^8}). Digits that are part of a word, an index or an exponent
 * ({@code x2}, {@code x_2}, {@code m^2}) are not numbers. Hand-written and linear in the text: completions are whatever a
 * model says, and a regular expression that backtracks would hand it the grader's time.
 */
final class NumberScanner {
    /** Longer ones are nobody's answer, and exact arithmetic on them takes quadratic time. */
    private static final int MAXIMUM_DIGITS = 400;

    /**
     * A number where it stands.
     *
     * @param start index of its first character, sign and currency included
     * @param end index behind its last character, percent sign included
     * @param value the written number; for 50 % this is 50
     * @param percent whether a percent sign follows
     */
    record Found(int start, int end, Rational value, boolean percent) {}

    private static final List<String> TIMES = List.of("\\times", "\\cdot", "\u00d7", "\u00b7", "*");

    private final String text;
    private int position;
    private int exponent;

    private NumberScanner(String text) {
        this.text = text;
    }

    /** All numbers from left to right. */
    static List<Found> scan(String text) {
        return new NumberScanner(text).all();
    }

    private List<Found> all() {
        List<Found> all = new ArrayList<>();
        while (position < text.length()) {
            int begin = position;
            Found found = numberHere();
            if (found != null) {
                all.add(found);
                position = found.end();
            } else if (position == begin) {
                position++;
            }
        }
        return all;
    }

    /** The number that begins here without its sign, or null; then the position is behind what was looked at, if anything. */
    private @Nullable Found numberHere() {
        int begin = position;
        boolean digit = digitAt(begin) || (charAt(begin) == '.' && digitAt(begin + 1));
        boolean fraction = fractionAt(begin) > 0;
        if (!digit && !fraction) {
            return null;
        }
        boolean partOfWord = digit && belongsToWord(begin);
        Rational value;
        try {
            value = fraction ? latexFraction() : plain();
        } catch (ArithmeticException divisionByZero) {
            value = null;
        }
        if (value == null || partOfWord) {
            position = Math.max(position, begin + 1);
            return null;
        }
        int end = position;
        int signed = signBefore(begin);
        int afterSpace = skipSpaces(end);
        boolean percent = charAt(afterSpace) == '%'
                || (charAt(afterSpace) == '\\' && charAt(afterSpace + 1) == '%');
        if (percent) {
            end = afterSpace + (charAt(afterSpace) == '%' ? 1 : 2);
        }
        boolean negative = signed < begin && charAt(signed) == '-';
        return new Found(signed, end, negative ? value.negated() : value, percent);
    }

    /** A decimal, optionally over another one, or a whole number followed by a fraction. */
    private @Nullable Rational plain() {
        Rational first = decimal();
        if (first == null) {
            return null;
        }
        if (scientific()) {
            return first.times(Rational.of(10).power(exponent));
        }
        int behindFirst = position;
        if (charAt(position) == '/' && digitAt(position + 1)) {
            position++;
            Rational second = decimal();
            return second == null ? null : first.over(second);
        }
        int next = skipSpaces(position);
        if (first.isWhole() && fractionAt(next) > 0) {
            position = next;
            Rational rest = latexFraction();
            if (rest != null) {
                return first.plus(rest);
            }
        } else if (first.isWhole() && next == position + 1 && digitAt(next)) {
            position = next;
            Rational above = decimal();
            if (above != null && charAt(position) == '/' && digitAt(position + 1)) {
                position++;
                Rational below = decimal();
                if (below != null) {
                    return first.plus(above.over(below));
                }
            }
        }
        position = behindFirst;
        return first;
    }

    /** Whether {@code e5}, {@code \times 10^5} or {@code * 10^{-5}} follows; then {@link #exponent} is it. */
    private boolean scientific() {
        int begin = position;
        if (charAt(begin) == 'e' || charAt(begin) == 'E') {
            return exponentAt(begin + 1, false);
        }
        int next = skipSpaces(begin);
        int behindSign = -1;
        for (String sign : TIMES) {
            if (text.startsWith(sign, next)) {
                behindSign = skipSpaces(next + sign.length());
            }
        }
        if (behindSign < 0 || !text.startsWith("10^", behindSign)) {
            return false;
        }
        boolean braced = charAt(behindSign + 3) == '{';
        return exponentAt(behindSign + (braced ? 4 : 3), braced);
    }

    /** A whole number of at most three digits, not part of a word; then the position is behind it. */
    private boolean exponentAt(int begin, boolean braced) {
        boolean signed = charAt(begin) == '-' || charAt(begin) == '+';
        int first = signed ? begin + 1 : begin;
        int end = first;
        while (digitAt(end)) {
            end++;
        }
        if (end == first || end - first > 3 || (braced ? charAt(end) != '}' : Character.isLetter(charAt(end)))) {
            return false;
        }
        int value = Integer.parseInt(text.substring(first, end));
        exponent = charAt(begin) == '-' ? -value : value;
        position = braced ? end + 1 : end;
        return true;
    }

    /** Digits, with commas between groups of three, and decimals; consumes all digits even if there are too many. */
    private @Nullable Rational decimal() {
        StringBuilder digits = new StringBuilder();
        int leading = 0;
        while (digitAt(position)) {
            digits.append(charAt(position++));
            leading++;
        }
        boolean grouped = leading >= 1 && leading <= 3;
        while (grouped && charAt(position) == ',' && digitAt(position + 1) && digitAt(position + 2)
                && digitAt(position + 3) && !digitAt(position + 4)) {
            digits.append(text, position + 1, position + 4);
            position += 4;
        }
        if (charAt(position) == '.' && digitAt(position + 1)) {
            digits.append('.');
            position++;
            while (digitAt(position)) {
                digits.append(charAt(position++));
            }
        }
        if (digits.length() > MAXIMUM_DIGITS) {
            return null;
        }
        return Rational.ofDecimal(digits.charAt(0) == '.' ? "0" + digits : digits.toString());
    }

    /** {@code \frac{a}{b}} or {@code \frac12}, from here. */
    private @Nullable Rational latexFraction() {
        position += fractionAt(position);
        Rational above = argument();
        Rational below = above == null ? null : argument();
        return above == null || below == null ? null : above.over(below);
    }

    private @Nullable Rational argument() {
        position = skipSpaces(position);
        if (digitAt(position)) {
            return Rational.ofDecimal(String.valueOf(charAt(position++)));
        }
        if (charAt(position) != '{') {
            return null;
        }
        position = skipSpaces(position + 1);
        boolean negative = charAt(position) == '-';
        if (negative) {
            position = skipSpaces(position + 1);
        }
        if (!digitAt(position)) {
            return null;
        }
        Rational value = decimal();
        position = skipSpaces(position);
        if (value == null || charAt(position) != '}') {
            return null;
        }
        position++;
        return negative ? value.negated() : value;
    }

    /** Length of the command when one of {@code \frac}, {@code \dfrac}, {@code \tfrac} begins here, else 0. */
    private int fractionAt(int index) {
        for (String command : List.of("\\frac", "\\dfrac", "\\tfrac")) {
            if (text.startsWith(command, index)) {
                return command.length();
            }
        }
        return 0;
    }

    private boolean belongsToWord(int begin) {
        char before = charAt(begin - 1);
        if (before == '{') {
            before = charAt(begin - 2);
            return before == '^' || before == '_';
        }
        return Character.isLetter(before) || before == '^' || before == '_' || digitAt(begin - 1)
                || (before == '.' && digitAt(begin - 2));
    }

    /** Where the number begins when a currency sign and a sign that is not a subtraction stand directly before it. */
    private int signBefore(int begin) {
        int start = begin;
        if (isCurrency(charAt(start - 1))) {
            start--;
            if (charAt(start - 1) == '\\') {
                start--;
            }
        }
        char sign = charAt(start - 1);
        if (sign != '-' && sign != '+') {
            return start;
        }
        char adjacent = charAt(start - 2);
        int before = start - 2;
        while (charAt(before) == ' ') {
            before--;
        }
        char operand = charAt(before);
        boolean subtraction = Character.isLetterOrDigit(adjacent) || Character.isDigit(operand) || operand == ')'
                || operand == '}' || operand == '%' || operand == ']';
        return subtraction ? start : start - 1;
    }

    private static boolean isCurrency(char c) {
        return c == '$' || c == '€' || c == '£';
    }

    private int skipSpaces(int index) {
        int next = index;
        while (charAt(next) == ' ') {
            next++;
        }
        return next;
    }

    private boolean digitAt(int index) {
        char c = charAt(index);
        return c >= '0' && c <= '9';
    }

    /** The character, or one that means nothing here outside the text. */
    private char charAt(int index) {
        return index >= 0 && index < text.length() ? text.charAt(index) : '\0';
    }
}

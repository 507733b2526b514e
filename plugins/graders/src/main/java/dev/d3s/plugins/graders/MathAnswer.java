package dev.d3s.plugins.graders;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * A number as an answer, and where answers stand in texts.
 *
 * <p>
 * A marked answer is what stands in the last {@code \boxed{...}} whose braces balance, or behind the last {@code ####} on its
 * line, whichever comes later. It may carry words before and a unit behind the number, but it must be one number:
 * {@code 2 + 3}, {@code (1, 2)} and {@code \sqrt{2}} are for {@link MathParser}.
 *
 * @param value the written number; for 50 % this is 50
 * @param percent whether it was written with a percent sign
 */
record MathAnswer(Rational value, boolean percent) {
    private static final List<String> BOXES = List.of("\\boxed{", "\\fbox{");
    private static final String BOXED_SPACE = "\\boxed ";
    private static final String HASHES = "####";
    private static final Rational HUNDRED = new Rational(BigInteger.valueOf(100), BigInteger.ONE);
    /** Letters that stand for a variable where they are all that follows a number. */
    private static final String VARIABLES = "abcdeijknpqruvwxyz";
    private static final Pattern SQUARE_OR_CUBE = Pattern.compile("\\^\\{?[23]\\}?");
    private static final Pattern UNIT_WITH_DIGIT = Pattern.compile("[a-z][23]\\b");
    private static final Pattern POWER = Pattern.compile("\\^.*");
    private static final Pattern FROM_NO_LETTER = Pattern.compile("[^A-Za-z].*");

    /** The one number of an answer, with words before and a unit behind; null where it is something else. */
    static @Nullable MathAnswer one(String answer) {
        String plain = plain(answer);
        List<NumberScanner.Found> numbers = NumberScanner.scan(plain);
        if (numbers.isEmpty() || !isOneNumber(plain, numbers)) {
            return null;
        }
        NumberScanner.Found last = numbers.getLast();
        return new MathAnswer(last.value(), last.percent());
    }

    /** The last number of a text; null when there is none. */
    static @Nullable MathAnswer last(String text) {
        List<NumberScanner.Found> numbers = NumberScanner.scan(plain(text));
        return numbers.isEmpty() ? null : new MathAnswer(numbers.getLast().value(), numbers.getLast().percent());
    }

    /**
     * Whether two answers are the same number. Where just one of them has a percent sign, 50 % is both 50 and 1/2: data
     * sets that ask for a percentage often leave the sign out.
     */
    boolean matches(MathAnswer other) {
        return value.equals(other.value)
                || (percent && !other.percent && value.over(HUNDRED).equals(other.value))
                || (other.percent && !percent && other.value.over(HUNDRED).equals(value));
    }

    /** What is marked as the answer; null when nothing is. Each character is looked at a few times, whatever stands there. */
    static @Nullable String marked(String text) {
        int hashes = text.lastIndexOf(HASHES);
        int[] closing = null;
        for (int i = text.lastIndexOf('\\'); i > hashes; i = text.lastIndexOf('\\', i - 1)) {
            int brace = openingBrace(text, i);
            if (brace < 0) {
                continue;
            }
            if (brace == text.length() || text.charAt(brace) != '{') {
                return text.substring(brace).strip().split("[\\s$]", 2)[0];
            }
            closing = closing == null ? closingBraces(text, hashes + 1) : closing;
            int end = closing[brace - hashes - 1];
            if (end > 0) {
                return text.substring(brace + 1, end);
            }
        }
        if (hashes >= 0) {
            String rest = text.substring(hashes + HASHES.length()).stripLeading();
            int line = rest.indexOf('\n');
            return line < 0 ? rest : rest.substring(0, line);
        }
        return null;
    }

    /** Where a box that begins here has its brace, or without one its content; -1 where none begins. */
    private static int openingBrace(String text, int begin) {
        for (String box : BOXES) {
            if (text.startsWith(box, begin)) {
                return begin + box.length() - 1;
            }
        }
        return text.startsWith(BOXED_SPACE, begin) ? begin + BOXED_SPACE.length() : -1;
    }

    /** For each character from {@code begin} that is a brace that is closed, where; else 0. */
    private static int[] closingBraces(String text, int begin) {
        int[] closing = new int[text.length() - begin];
        int[] open = new int[text.length() - begin];
        int depth = 0;
        for (int i = begin; i < text.length(); i++) {
            if (text.charAt(i) == '{') {
                open[depth++] = i;
            } else if (text.charAt(i) == '}' && depth > 0) {
                closing[open[--depth] - begin] = i;
            }
        }
        return closing;
    }

    /** Without what LaTeX adds for looks: thin spaces inside numbers, sized brackets, text commands. */
    private static String plain(String text) {
        return text.replace("{,}", ",")
            .replace("\\,", "")
            .replace("\\!", "")
            .replace("\\;", " ")
            .replace("\\ ", " ")
            .replace("\\left", "")
            .replace("\\right", "")
            .replace("\\text", "")
            .replace("\\mathrm", "")
            .replace("\\mbox", "")
            .replace("**", "")
            .replace("\u2212", "-")
            .replace('\u00a0', ' ')
            .replace('~', ' ');
    }

    /** Whether the answer is words, one number, and a unit. */
    private static boolean isOneNumber(String answer, List<NumberScanner.Found> numbers) {
        NumberScanner.Found last = numbers.getLast();
        int equals = answer.lastIndexOf('=');
        long behindEquals = numbers.stream().filter(number -> number.start() > equals).count();
        if (behindEquals != 1 || isEquation(answer.substring(0, Math.max(0, equals)))) {
            return false;
        }
        String before = answer.substring(equals + 1, last.start());
        String behind = answer.substring(last.end()).strip();
        return noOperator(before) && unit(behind);
    }

    /** Whether what stands before the equals sign calculates with variables, as x + y does, and x or 2 + 3 does not. */
    private static boolean isEquation(String left) {
        String plain = left.replaceAll("\\\\[A-Za-z]++", "");
        boolean variable = false;
        for (String word : plain.split("[^A-Za-z]+")) {
            if (word.length() > 1) {
                return false;
            }
            variable |= !word.isEmpty();
        }
        return variable && plain.replaceAll("_[0-9A-Za-z]", "").matches("(?s).*[-+*/^0-9].*");
    }

    private static boolean noOperator(String before) {
        String text = before.replace("\\$", "");
        return text.chars().noneMatch(c -> "+-*/^_<>|!\\".indexOf(c) >= 0 || Character.isDigit(c));
    }

    /** Letters, a degree sign, an exponent: not something that goes on calculating. */
    private static boolean unit(String behind) {
        String given = behind.replace("^{\\circ}", "").replace("^\\circ", "").replace("\\$", "").strip();
        String text = given.toLowerCase(Locale.ROOT);
        if (!text.isEmpty() && ("+-*/^_<>|!(\u00d7:".indexOf(text.charAt(0)) >= 0 || isVariables(given))) {
            return false;
        }
        String withoutPowers = without(without(text, SQUARE_OR_CUBE), UNIT_WITH_DIGIT);
        return withoutPowers.chars().noneMatch(c -> "+*^_<>|!\\\u00d7".indexOf(c) >= 0 || Character.isDigit(c));
    }

    private static String without(String text, Pattern pattern) {
        return pattern.matcher(text).replaceAll("");
    }

    /** One letter that is no unit, or a few that are used for variables, perhaps to a power. */
    private static boolean isVariables(String behind) {
        String letters = without(without(behind, POWER), FROM_NO_LETTER);
        return !letters.isEmpty() && letters.length() == without(behind, POWER).strip().length()
                && (letters.length() == 1
                        ? VARIABLES.contains(letters)
                        : letters.length() <= 3 && letters.chars().allMatch(c -> "abcnkxyz".indexOf(c) >= 0));
    }
}

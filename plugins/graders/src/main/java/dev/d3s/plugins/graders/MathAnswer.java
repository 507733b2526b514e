package dev.d3s.plugins.graders;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

/**
 * The final answer of a worked solution, as an exact number.
 *
 * <p>
 * It is what stands in the last {@code \boxed{...}} whose braces balance, or behind the last {@code ####} on its line,
 * whichever comes later. Such a marked answer may carry words before and a unit behind the number, but it must be one
 * number: {@code 2 + 3}, {@code (1, 2)} or {@code \sqrt{2}} have no value. Only a text without any mark is read for its last
 * number.
 *
 * @param value the written number; for 50 % this is 50
 * @param percent whether it was written with a percent sign
 */
record MathAnswer(Rational value, boolean percent) {
    private static final String BOXED = "\\boxed{";
    private static final String HASHES = "####";
    private static final Rational HUNDRED = new Rational(BigInteger.valueOf(100), BigInteger.ONE);

    /** The answer, or {@code null} when the text has none that is a number. */
    static @Nullable MathAnswer of(String text) {
        String marked = marked(text);
        List<NumberScanner.Found> numbers = NumberScanner.scan(marked == null ? plain(text) : plain(marked));
        if (numbers.isEmpty()) {
            return null;
        }
        if (marked != null && !isOneNumber(plain(marked), numbers)) {
            return null;
        }
        NumberScanner.Found last = numbers.getLast();
        return new MathAnswer(last.value(), last.percent());
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

    private static @Nullable String marked(String text) {
        int hashes = text.lastIndexOf(HASHES);
        int boxed = text.lastIndexOf(BOXED);
        while (boxed > hashes) {
            int end = closingBrace(text, boxed + BOXED.length());
            if (end >= 0) {
                return text.substring(boxed + BOXED.length(), end);
            }
            boxed = text.lastIndexOf(BOXED, boxed - 1);
        }
        if (hashes >= 0) {
            String rest = text.substring(hashes + HASHES.length()).stripLeading();
            int line = rest.indexOf('\n');
            return line < 0 ? rest : rest.substring(0, line);
        }
        return null;
    }

    /** Index of the brace that closes the one before {@code start}, or -1. */
    private static int closingBrace(String text, int start) {
        int depth = 1;
        for (int i = start; i < text.length(); i++) {
            char c = text.charAt(i);
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        return -1;
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

    /** Whether the marked text is words, one number, and a unit. */
    private static boolean isOneNumber(String marked, List<NumberScanner.Found> numbers) {
        NumberScanner.Found last = numbers.getLast();
        int equals = marked.lastIndexOf('=');
        long behindEquals = numbers.stream().filter(number -> number.start() > equals).count();
        if (behindEquals != 1) {
            return false;
        }
        String before = marked.substring(equals + 1, last.start());
        String behind = marked.substring(last.end()).strip();
        return noOperator(before) && unit(behind);
    }

    private static boolean noOperator(String before) {
        String text = before.replace("\\$", "");
        return text.chars().noneMatch(c -> "+-*/^_<>|!\\".indexOf(c) >= 0 || Character.isDigit(c));
    }

    /** Letters, a degree sign, an exponent: not something that goes on calculating. */
    private static boolean unit(String behind) {
        String text = behind.replace("^{\\circ}", "")
            .replace("^\\circ", "")
            .replace("\\$", "")
            .strip()
            .toLowerCase(Locale.ROOT);
        if (!text.isEmpty() && "+-*/^_<>|!(\u00d7:".indexOf(text.charAt(0)) >= 0) {
            return false;
        }
        String withoutPowers = text.replaceAll("\\^\\{?[23]\\}?", "").replaceAll("[a-z][23]\\b", "");
        return withoutPowers.chars().noneMatch(c -> "+*^_<>|!\\\u00d7".indexOf(c) >= 0 || Character.isDigit(c));
    }
}

package dev.d3s.server.model.template;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

/** Texts as Python has them: a character is a code point. */
final class Text {
    /** Characters that any one text, and the whole rendering, may have. */
    static final int MAX_LENGTH = 1 << 24;

    private Text() {}

    static void checked(long length) {
        if (length > MAX_LENGTH) {
            throw TemplateException.limit("a text becomes longer than " + MAX_LENGTH + " characters");
        }
    }

    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** The part between two characters, counted in code points; both inside the text. */
    static String part(String text, int start, int end) {
        if (start >= end) {
            return "";
        }
        int from = text.offsetByCodePoints(0, start);
        return text.substring(from, text.offsetByCodePoints(from, end - start));
    }

    static int compare(String left, String right) {
        int length = Math.min(left.length(), right.length());
        for (int index = 0; index < length; index++) {
            char first = left.charAt(index);
            char second = right.charAt(index);
            if (first != second) {
                boolean firstHalf = Character.isSurrogate(first);
                // halves of a pair stand for characters above all others
                return firstHalf == Character.isSurrogate(second) ? first - second : firstHalf ? 1 : -1;
            }
        }
        return left.length() - right.length();
    }

    static boolean space(int character) {
        return Character.isWhitespace(character) || character == 0x85 || character == 0xA0 || character == 0x2007
                || character == 0x202F;
    }

    /** Without the characters of {@code set} (white space when {@code null}) at its start, its end or both. */
    static String strip(String text, @Nullable String set, boolean start, boolean end) {
        int from = 0;
        int to = text.length();
        while (start && from < to && stripped(text.codePointAt(from), set)) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (end && to > from && stripped(text.codePointBefore(to), set)) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    private static boolean stripped(int character, @Nullable String set) {
        return set == null ? space(character) : set.indexOf(character) >= 0;
    }

    /** At most {@code limit} cuts (all when negative); at white space when {@code separator} is {@code null}. */
    static List<@Nullable Object> split(String text, @Nullable String separator, int limit) {
        List<@Nullable Object> parts = new ArrayList<>();
        if (separator == null) {
            String rest = strip(text, null, true, false);
            while (!rest.isEmpty()) {
                int end = 0;
                while (end < rest.length() && !space(rest.codePointAt(end))) {
                    end += Character.charCount(rest.codePointAt(end));
                }
                if (limit >= 0 && parts.size() == limit) {
                    parts.add(rest);
                    break;
                }
                parts.add(rest.substring(0, end));
                rest = strip(rest.substring(end), null, true, false);
            }
            return parts;
        }
        notEmpty(separator);
        int from = 0;
        for (int at = text.indexOf(separator); at >= 0
                && (limit < 0 || parts.size() < limit); at = text.indexOf(separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
            Values.checkElements(parts.size());
        }
        parts.add(text.substring(from));
        return parts;
    }

    static List<@Nullable Object> splitFromEnd(String text, @Nullable String separator, int limit) {
        if (separator == null) {
            List<@Nullable Object> parts = new ArrayList<>();
            String rest = strip(text, null, false, true);
            while (!rest.isEmpty()) {
                int start = rest.length();
                while (start > 0 && !space(rest.codePointBefore(start))) {
                    start -= Character.charCount(rest.codePointBefore(start));
                }
                if (limit >= 0 && parts.size() == limit) {
                    parts.addFirst(rest);
                    break;
                }
                parts.addFirst(rest.substring(start));
                rest = strip(rest.substring(0, start), null, false, true);
            }
            return parts;
        }
        notEmpty(separator);
        List<@Nullable Object> parts = new ArrayList<>();
        int end = text.length();
        for (int at = text.lastIndexOf(separator); at >= 0 && (limit < 0 || parts.size() < limit);) {
            parts.addFirst(text.substring(at + separator.length(), end));
            end = at;
            at = at < separator.length() ? -1 : text.lastIndexOf(separator, at - separator.length());
            Values.checkElements(parts.size());
        }
        parts.addFirst(text.substring(0, end));
        return parts;
    }

    private static void notEmpty(String separator) {
        if (separator.isEmpty()) {
            throw TemplateException.failed("a text cannot be split at an empty one");
        }
    }

    /** Lines without their ends. */
    static List<@Nullable Object> lines(String text, boolean ends) {
        List<@Nullable Object> lines = new ArrayList<>();
        int from = 0;
        for (int at = 0; at < text.length(); at++) {
            char next = text.charAt(at);
            if ("\n\r\u000B\f\u001C\u001D\u001E\u0085\u2028\u2029".indexOf(next) >= 0) {
                int end = at;
                if (next == '\r' && at + 1 < text.length() && text.charAt(at + 1) == '\n') {
                    at++;
                }
                lines.add(text.substring(from, ends ? at + 1 : end));
                from = at + 1;
            }
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    static String replace(String text, String old, String with, int limit) {
        if (limit == 0) {
            return text;
        }
        StringBuilder out = new StringBuilder();
        int from = 0;
        int count = 0;
        int at = text.indexOf(old);
        while (at >= 0 && (limit < 0 || count < limit)) {
            out.append(text, from, at).append(with);
            checked(out.length());
            count++;
            from = at + old.length();
            if (old.isEmpty()) {
                if (at == text.length()) {
                    break;
                }
                int next = at + Character.charCount(text.codePointAt(at));
                if (limit >= 0 && count == limit) {
                    break;
                }
                out.append(text, at, next);
                from = next;
                at = next;
            } else {
                at = text.indexOf(old, from);
            }
        }
        return from <= text.length() ? out.append(text, from, text.length()).toString() : out.toString();
    }

    static String capitalized(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = Character.charCount(text.codePointAt(0));
        return text.substring(0, first).toUpperCase(Locale.ROOT) + text.substring(first).toLowerCase(Locale.ROOT);
    }

    /** Each run of letters begins with a capital; {@code words} of Jinja's filter begin behind white space, hyphens and brackets only. */
    static String titled(String text, boolean words) {
        StringBuilder out = new StringBuilder();
        boolean inside = false;
        for (int at = 0; at < text.length();) {
            int character = text.codePointAt(at);
            at += Character.charCount(character);
            String one = Character.toString(character);
            out.append(inside ? one.toLowerCase(Locale.ROOT) : one.toUpperCase(Locale.ROOT));
            inside = words ? !space(character) && "-({[<".indexOf(character) < 0 : Character.isLetter(character);
        }
        return out.toString();
    }

    /** Filled up with blanks to {@code width}: at its start, its end, or both. */
    static String padded(String text, int width, String fill, boolean start, boolean end) {
        checked(width);
        int missing = Math.max(0, width - length(text));
        int left = !start ? 0 : !end ? missing : missing / 2 + (missing & width & 1);
        return fill.repeat(left) + text + fill.repeat(missing - left);
    }

    /** As Python writes a text inside a list. */
    static String quoted(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        StringBuilder out = new StringBuilder().append(quote);
        text.codePoints().forEach(character -> {
            switch (character) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (character == quote) {
                        out.append('\\').append(quote);
                    } else if (printable(character)) {
                        out.appendCodePoint(character);
                    } else {
                        out.append(character < 0x100
                                ? String.format("\\x%02x", character)
                                : character < 0x10000
                                        ? String.format("\\u%04x", character)
                                        : String.format("\\U%08x", character));
                    }
                }
            }
        });
        return out.append(quote).toString();
    }

    private static boolean printable(int character) {
        if (character == ' ') {
            return true;
        }
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
                    Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR ->
                false;
            default -> true;
        };
    }

    /** The shortest number that reads back as the same, written as Python writes it. */
    static String number(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal exact = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        int exponent = exact.precision() - exact.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = exact.toPlainString();
            return plain.indexOf('.') >= 0 ? plain : plain + ".0";
        }
        String digits = exact.unscaledValue().abs().toString();
        return (value < 0 ? "-" : "") + digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "") + "e"
                + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }
}

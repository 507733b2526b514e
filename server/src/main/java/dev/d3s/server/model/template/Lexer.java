package dev.d3s.server.model.template;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens. White space is treated as the models' authors expect: the line break behind a block goes, and so do the
 * blanks before a block that is the first thing in its line ({@code trim_blocks} and {@code lstrip_blocks}); one line break at the end of the template goes, too.
 */
final class Lexer {
    private static final Pattern RAW = Pattern.compile("\\{%([-+]?)\\s*raw\\s*(?:-%\\}\\s*|%\\})");
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%\\}|-%\\}\\s*|%\\}\\n?)");
    private static final Pattern BLOCK_END = Pattern.compile("\\+%\\}|-%\\}\\s*|%\\}\\n?");
    private static final Pattern VARIABLE_END = Pattern.compile("-\\}\\}\\s*|\\}\\}");
    private static final Pattern COMMENT_END = Pattern.compile("\\+#\\}|-#\\}\\s*|#\\}\\n?");
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{M}\\p{Nd}_]*");
    private static final Pattern FLOAT = Pattern.compile("(?<!\\.)\\d+(?:_\\d+)*(?:\\.\\d+(?:_\\d+)*)?[eE][+-]?\\d+"
            + "|(?<!\\.)\\d+(?:_\\d+)*\\.\\d+(?:_\\d+)*");
    private static final Pattern INTEGER = Pattern.compile(
            "0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?\\d)*|0(?:_?0)*");
    private static final Set<String> LONG_OPERATORS = Set.of("//", "**", "==", "!=", ">=", "<=");
    private static final String OPERATORS = "+-/*%~[](){}><=.:|,;";
    private static final String PAIRS = ")(][}{";

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    /** Whether only a line break, or nothing, is before {@link #at}. */
    private boolean lineStart = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String template) {
        String source = template.replace("\r\n", "\n").replace('\r', '\n');
        if (source.endsWith("\n")) {
            source = source.substring(0, source.length() - 1);
        }
        Lexer lexer = new Lexer(source);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        while (at < source.length()) {
            int begin = nextTag();
            if (begin < 0) {
                data(source.substring(at));
                advance(source.length());
                break;
            }
            tag(begin);
        }
        add(Token.Kind.END, "");
    }

    private int nextTag() {
        for (int brace = source.indexOf('{', at); brace >= 0; brace = source.indexOf('{', brace + 1)) {
            if (brace + 1 < source.length() && "{%#".indexOf(source.charAt(brace + 1)) >= 0) {
                return brace;
            }
        }
        return -1;
    }

    private void tag(int begin) {
        char type = source.charAt(begin + 1);
        char sign = begin + 2 < source.length() ? source.charAt(begin + 2) : ' ';
        boolean signed = sign == '-' || sign == '+';
        textBefore(begin, sign, type != '{');
        if (type == '#') {
            Matcher end = COMMENT_END.matcher(source);
            if (!end.find(Math.min(source.length(), begin + 2))) {
                throw syntax("a comment is not closed: '#}' is missing");
            }
            advance(end.end());
            return;
        }
        Matcher raw = RAW.matcher(source).region(begin, source.length());
        if (type == '%' && raw.lookingAt()) {
            advance(raw.end());
            raw();
            return;
        }
        advance(begin + (signed ? 3 : 2));
        boolean block = type == '%';
        add(block ? Token.Kind.BLOCK_BEGIN : Token.Kind.VARIABLE_BEGIN, block ? "{%" : "{{");
        expression(block);
    }

    private void raw() {
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw syntax("{% raw %} is not closed: {% endraw %} is missing");
        }
        String sign = end.group(1);
        textBefore(end.start(), sign.isEmpty() ? ' ' : sign.charAt(0), true);
        advance(end.end());
    }

    /** The text from {@link #at} to a tag, with the white space before the tag that goes. */
    private void textBefore(int end, char sign, boolean block) {
        String text = source.substring(at, end);
        if (sign == '-') {
            text = Text.strip(text, null, false, true);
        } else if (sign != '+' && block) {
            int inLine = text.lastIndexOf('\n') + 1;
            if ((inLine > 0 || lineStart) && inLine < text.length()
                    && Text.strip(text.substring(inLine), null, true, true).isEmpty()) {
                text = text.substring(0, inLine);
            }
        }
        data(text);
        advance(end);
    }

    private void expression(boolean block) {
        Deque<Character> open = new ArrayDeque<>();
        Pattern endPattern = block ? BLOCK_END : VARIABLE_END;
        while (true) {
            if (at >= source.length()) {
                throw syntax(block
                        ? "a block is not closed: '%}' is missing"
                        : "an expression is not closed: '}}' is missing");
            }
            Matcher end = endPattern.matcher(source).region(at, source.length());
            if (open.isEmpty() && end.lookingAt()) {
                add(block ? Token.Kind.BLOCK_END : Token.Kind.VARIABLE_END, block ? "%}" : "}}");
                advance(end.end());
                return;
            }
            char next = source.charAt(at);
            if (Text.space(next)) {
                advance(at + 1);
            } else if (next == '\'' || next == '"') {
                string(next);
            } else if (!matched(FLOAT, Token.Kind.FLOAT) && !matched(INTEGER, Token.Kind.INTEGER)
                    && !matched(NAME, Token.Kind.NAME)) {
                operator(next, open);
            }
        }
    }

    private boolean matched(Pattern pattern, Token.Kind kind) {
        Matcher matcher = pattern.matcher(source).region(at, source.length()).useTransparentBounds(true);
        if (!matcher.lookingAt()) {
            return false;
        }
        add(kind, matcher.group());
        advance(matcher.end());
        return true;
    }

    private void operator(char first, Deque<Character> open) {
        String two = source.substring(at, Math.min(source.length(), at + 2));
        if (LONG_OPERATORS.contains(two)) {
            add(Token.Kind.OPERATOR, two);
            advance(at + 2);
            return;
        }
        if (OPERATORS.indexOf(first) < 0) {
            throw syntax("unexpected character '" + first + "'");
        }
        if ("([{".indexOf(first) >= 0) {
            open.push(first);
        } else if (PAIRS.indexOf(first) >= 0 && PAIRS.indexOf(first) % 2 == 0
                && (open.isEmpty() || open.pop() != PAIRS.charAt(PAIRS.indexOf(first) + 1))) {
            throw syntax("unexpected '" + first + "'");
        }
        add(Token.Kind.OPERATOR, String.valueOf(first));
        advance(at + 1);
    }

    private void string(char quote) {
        StringBuilder value = new StringBuilder();
        int index = at + 1;
        while (true) {
            if (index >= source.length()) {
                throw syntax("a string is not closed");
            }
            char next = source.charAt(index++);
            if (next == quote) {
                break;
            }
            if (next == '\\' && index < source.length()) {
                index = escape(index, value);
            } else {
                value.append(next);
            }
        }
        add(Token.Kind.STRING, value.toString());
        advance(index);
    }

    /** One escape of a string, whose letter is at {@code index}; returns where the string goes on. */
    private int escape(int index, StringBuilder value) {
        char letter = source.charAt(index);
        int simple = "ntrabfv\\'\"0".indexOf(letter);
        int digits = switch (letter) {
            case 'x' -> 2;
            case 'u' -> 4;
            case 'U' -> 8;
            default -> 0;
        };
        if (digits > 0) {
            int end = Math.min(source.length(), index + 1 + digits);
            try {
                value.appendCodePoint(Integer.parseInt(source, index + 1, end, 16));
            } catch (IllegalArgumentException malformed) {
                throw syntax("a string has a malformed \\" + letter + " escape");
            }
            return end;
        }
        if (letter == '\n') {
            return index + 1;
        }
        if (letter >= '0' && letter <= '7') {
            int end = index;
            while (end < source.length() && end < index + 3 && source.charAt(end) >= '0' && source.charAt(end) <= '7') {
                end++;
            }
            value.append((char) Integer.parseInt(source, index, end, 8));
            return end;
        }
        if (simple >= 0) {
            value.append("\n\t\r\u0007\b\f\u000B\\'\"".charAt(simple));
        } else {
            value.append('\\').append(letter);
        }
        return index + 1;
    }

    private void data(String text) {
        if (!text.isEmpty()) {
            add(Token.Kind.DATA, text);
        }
    }

    private void add(Token.Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }

    private void advance(int to) {
        if (to > at) {
            lineStart = source.charAt(to - 1) == '\n';
        }
        for (; at < to; at++) {
            if (source.charAt(at) == '\n') {
                line++;
            }
        }
    }

    private TemplateException syntax(String text) {
        return new TemplateException(TemplateException.Reason.SYNTAX, line, text);
    }
}

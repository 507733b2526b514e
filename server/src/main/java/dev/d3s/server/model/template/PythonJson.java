package dev.d3s.server.model.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/** Values as Python's {@code json.dumps} writes them: the models saw exactly that, to the blank, when they were trained. */
final class PythonJson {
    private final boolean ascii;
    private final @Nullable String indent;
    private final String comma;
    private final String colon;
    private final boolean sorted;
    private final StringBuilder out = new StringBuilder();

    private PythonJson(boolean ascii, @Nullable String indent, String comma, String colon, boolean sorted) {
        this.ascii = ascii;
        this.indent = indent;
        this.comma = comma;
        this.colon = colon;
        this.sorted = sorted;
    }

    /**
     * @param indent a number of blanks, or a text; {@code null} for one line
     * @param separators two texts; {@code null} for Python's own
     */
    static String of(@Nullable Object value, boolean ascii, @Nullable Object indent,
            @Nullable Object separators, boolean sorted) {
        String blanks = switch (indent) {
            case null -> null;
            case String text -> text;
            default -> {
                int width = Math.max(0, Values.integer(indent));
                Text.checked(width);
                yield " ".repeat(width);
            }
        };
        String comma = blanks == null ? ", " : ",";
        String colon = ": ";
        if (separators != null) {
            List<@Nullable Object> both = Values.elements(separators);
            if (both.size() != 2 || !(both.get(0) instanceof String first) || !(both.get(1) instanceof String second)) {
                throw TemplateException.failed("tojson needs two texts as 'separators'");
            }
            comma = first;
            colon = second;
        }
        PythonJson json = new PythonJson(ascii, blanks, comma, colon, sorted);
        json.value(value, 0);
        return json.out.toString();
    }

    private void value(@Nullable Object value, int depth) {
        Text.checked(out.length());
        switch (value) {
            case null -> out.append("null");
            case Boolean flag -> out.append(flag);
            case Long number -> out.append(number);
            case BigInteger number -> out.append(number);
            case Double number -> out.append(number(number));
            case String text -> string(text);
            case List<?> list -> list(list, depth);
            case Map<?, ?> map -> map(map, depth);
            default -> throw TemplateException.failed("tojson cannot write " + Values.type(value));
        }
    }

    private static String number(double number) {
        return Double.isNaN(number)
                ? "NaN"
                : Double.isInfinite(number) ? number > 0 ? "Infinity" : "-Infinity" : Text.number(number);
    }

    private void list(List<?> list, int depth) {
        if (list.isEmpty()) {
            out.append("[]");
            return;
        }
        out.append('[');
        boolean first = true;
        for (Object element : list) {
            separate(first, depth + 1);
            first = false;
            value(element, depth + 1);
        }
        newLine(depth);
        out.append(']');
    }

    private void map(Map<?, ?> map, int depth) {
        if (map.isEmpty()) {
            out.append("{}");
            return;
        }
        List<Map.Entry<?, ?>> entries = new ArrayList<>(map.entrySet());
        if (sorted) {
            entries.sort((left, right) -> Values.compare(left.getKey(), right.getKey()));
        }
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : entries) {
            separate(first, depth + 1);
            first = false;
            string(key(entry.getKey()));
            out.append(colon);
            value(entry.getValue(), depth + 1);
        }
        newLine(depth);
        out.append('}');
    }

    private static String key(@Nullable Object key) {
        return switch (key) {
            case null -> "null";
            case String text -> text;
            case Boolean flag -> flag.toString();
            case Double number -> number(number);
            case Long number -> number.toString();
            case BigInteger number -> number.toString();
            default -> throw TemplateException.failed("tojson cannot write " + Values.type(key) + " as a key");
        };
    }

    private void separate(boolean first, int depth) {
        if (!first) {
            out.append(comma);
        }
        newLine(depth);
    }

    private void newLine(int depth) {
        if (indent != null) {
            Text.checked(out.length() + (long) indent.length() * depth);
            out.append('\n').append(indent.repeat(depth));
        }
    }

    private void string(String text) {
        out.append('"');
        for (int at = 0; at < text.length(); at++) {
            char next = text.charAt(at);
            switch (next) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                default -> {
                    if (next < 0x20 || (ascii && next > 0x7E)) {
                        out.append(String.format("\\u%04x", (int) next));
                    } else {
                        out.append(next);
                    }
                }
            }
        }
        out.append('"');
    }
}

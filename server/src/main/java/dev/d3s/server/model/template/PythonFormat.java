package dev.d3s.server.model.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/** Python's two ways to put values into a text: {@code '%s' % value} and {@code '{}'.format(value)}. */
final class PythonFormat {
    private static final Pattern PERCENT = Pattern.compile(
            "%(?:\\((?<name>[^)]*)\\))?(?<flags>[-+ 0#]*)(?<width>\\d{0,6})(?:\\.(?<digits>\\d{1,3}))?(?<type>[a-zA-Z%])");
    private static final Pattern SPECIFICATION = Pattern.compile(
            "(?:(?<fill>.)?(?<align>[<>^=]))?(?<sign>[-+ ])?(?<zero>0)?(?<width>\\d{0,6})(?<comma>,)?(?:\\.(?<digits>\\d{1,3}))?(?<type>[a-zA-Z%])?");

    private PythonFormat() {}

    static String percent(String format, @Nullable Object values) {
        List<@Nullable Object> list = values instanceof Values.Tuple tuple
                ? tuple
                : java.util.Collections.singletonList(values);
        StringBuilder out = new StringBuilder();
        Matcher matcher = PERCENT.matcher(format);
        int used = 0;
        int from = 0;
        for (int at = format.indexOf('%'); at >= 0; at = format.indexOf('%', from)) {
            matcher.region(at, format.length());
            if (!matcher.lookingAt()) {
                throw TemplateException.failed("a text that is formatted with '%' has a '%' without a type");
            }
            out.append(format, from, at);
            from = matcher.end();
            String type = matcher.group("type");
            if (type.equals("%")) {
                out.append('%');
                continue;
            }
            Object value;
            String name = matcher.group("name");
            if (name != null) {
                if (!(values instanceof Map<?, ?> map) || !map.containsKey(name)) {
                    throw TemplateException.failed("the values to format have no '" + name + "'");
                }
                value = map.get(name);
            } else if (used < list.size()) {
                value = list.get(used++);
            } else {
                throw TemplateException.failed("there are fewer values than places to format");
            }
            String flags = matcher.group("flags");
            String sign = flags.contains("+") ? "+" : flags.contains(" ") ? " " : "-";
            String digits = matcher.group("digits");
            String text = switch (type) {
                case "s" -> cut(Values.text(value), digits);
                case "r", "a" -> cut(Values.written(value, 0), digits);
                default -> numeric(value, type.equals("i") || type.equals("u") ? "d" : type,
                        digits == null ? -1 : Integer.parseInt(digits), sign, false);
            };
            boolean zeros = flags.contains("0") && !flags.contains("-") && !"sra".contains(type);
            out.append(aligned(text, matcher.group("width"), zeros ? "0" : " ",
                    flags.contains("-") ? "<" : zeros ? "=" : ">"));
            Text.checked(out.length());
        }
        if (used < list.size() && !(values instanceof Map)) {
            throw TemplateException.failed("there are more values than places to format");
        }
        return out.append(format, from, format.length()).toString();
    }

    static String braces(String format, Arguments arguments) {
        StringBuilder out = new StringBuilder();
        int automatic = 0;
        for (int at = 0; at < format.length(); at++) {
            char next = format.charAt(at);
            boolean doubled = at + 1 < format.length() && format.charAt(at + 1) == next;
            if ((next == '{' || next == '}') && doubled) {
                out.append(next);
                at++;
            } else if (next == '}') {
                throw TemplateException.failed("a text to format has a single '}'");
            } else if (next != '{') {
                out.append(next);
            } else {
                int end = format.indexOf('}', at);
                if (end < 0) {
                    throw TemplateException.failed("a text to format has a single '{'");
                }
                String field = format.substring(at + 1, end);
                int colon = field.indexOf(':');
                String specification = colon < 0 ? "" : field.substring(colon + 1);
                String name = colon < 0 ? field : field.substring(0, colon);
                int bang = name.indexOf('!');
                boolean written = bang >= 0 && !name.substring(bang).equals("!s");
                name = bang < 0 ? name : name.substring(0, bang);
                Object value = name.isEmpty()
                        ? argument(arguments, String.valueOf(automatic++))
                        : looked(arguments, name);
                out.append(formatted(written ? Values.written(value, 0) : value, specification));
                at = end;
            }
            Text.checked(out.length());
        }
        return out.toString();
    }

    private static @Nullable Object looked(Arguments arguments, String field) {
        Matcher parts = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)\\]").matcher(field);
        int end = field.length();
        if (parts.find()) {
            end = parts.start();
        }
        Object value = argument(arguments, field.substring(0, end));
        parts.reset();
        while (parts.find()) {
            String key = parts.group(2);
            value = key == null
                    ? Members.attribute(value, parts.group(1))
                    : Members.item(value, key.chars().allMatch(Character::isDigit) ? (Object) Long.valueOf(key) : key);
        }
        return value;
    }

    private static @Nullable Object argument(Arguments arguments, String name) {
        if (!name.isEmpty() && name.length() < 6 && name.chars().allMatch(Character::isDigit)) {
            int index = Integer.parseInt(name);
            if (index < arguments.positional().size()) {
                return arguments.positional().get(index);
            }
        } else if (arguments.named().containsKey(name)) {
            return arguments.named().get(name);
        }
        throw TemplateException.failed("there is no value for the place {" + name + "} of a text to format");
    }

    private static String formatted(@Nullable Object value, String specification) {
        if (specification.isEmpty()) {
            return Values.text(value);
        }
        Matcher parts = SPECIFICATION.matcher(specification);
        if (!parts.matches()) {
            throw TemplateException.failed("a text to format has the unknown form '" + specification + "'");
        }
        String type = parts.group("type");
        String digits = parts.group("digits");
        boolean number = Values.number(value) && !(value instanceof Boolean && type == null);
        String text = number && !"s".equals(type)
                ? numeric(value, type == null ? value instanceof Double ? digits == null ? "repr" : "g" : "d" : type,
                        digits == null ? -1 : Integer.parseInt(digits),
                        parts.group("sign") == null ? "-" : parts.group("sign"), parts.group("comma") != null)
                : cut(Values.text(value), digits);
        boolean zero = parts.group("zero") != null;
        String fill = parts.group("fill") != null ? parts.group("fill") : zero ? "0" : " ";
        String align = parts.group("align") != null ? parts.group("align") : zero ? "=" : number ? ">" : "<";
        return aligned(text, parts.group("width"), fill, align);
    }

    private static String cut(String text, @Nullable String digits) {
        return digits == null ? text : Text.part(text, 0, Math.min(Integer.parseInt(digits), Text.length(text)));
    }

    private static String numeric(@Nullable Object value, String type, int digits, String sign, boolean commas) {
        String text = switch (type) {
            case "d" -> value instanceof Double number
                    ? new BigDecimal(number).setScale(0, RoundingMode.DOWN).toPlainString()
                    : new BigInteger(String.valueOf(Values.negative(value, false))).toString();
            case "x" -> new BigInteger(String.valueOf(Values.negative(value, false))).toString(16);
            case "X" -> new BigInteger(String.valueOf(Values.negative(value, false))).toString(16)
                .toUpperCase(java.util.Locale.ROOT);
            case "o" -> new BigInteger(String.valueOf(Values.negative(value, false))).toString(8);
            case "b" -> new BigInteger(String.valueOf(Values.negative(value, false))).toString(2);
            case "f", "F" -> fixed(Values.real(value), digits < 0 ? 6 : digits);
            case "%" -> fixed(Values.real(value) * 100, digits < 0 ? 6 : digits) + "%";
            case "repr" -> Text.number(Values.real(value));
            case "g" -> general(Values.real(value), digits < 0 ? 6 : Math.max(1, digits));
            default -> throw TemplateException.failed("values cannot be formatted as '" + type + "'");
        };
        if (commas) {
            int start = text.startsWith("-") ? 1 : 0;
            int point = text.indexOf('.') < 0 ? text.length() : text.indexOf('.');
            StringBuilder grouped = new StringBuilder(text);
            for (int at = point - 3; at > start; at -= 3) {
                grouped.insert(at, ',');
            }
            text = grouped.toString();
        }
        return sign.equals("-") || text.startsWith("-") ? text : sign + text;
    }

    private static String fixed(double value, int digits) {
        return Double.isFinite(value)
                ? new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toPlainString()
                : Text.number(value);
    }

    private static String general(double value, int digits) {
        if (!Double.isFinite(value) || value == 0) {
            return value == 0 ? "0" : Text.number(value);
        }
        BigDecimal rounded = new BigDecimal(value).round(new java.math.MathContext(digits, RoundingMode.HALF_EVEN))
            .stripTrailingZeros();
        int exponent = rounded.precision() - rounded.scale() - 1;
        if (exponent >= -4 && exponent < digits) {
            return rounded.toPlainString();
        }
        String all = rounded.unscaledValue().abs().toString();
        return (value < 0 ? "-" : "") + all.charAt(0) + (all.length() > 1 ? "." + all.substring(1) : "") + "e"
                + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }

    private static String aligned(String text, String width, String fill, String align) {
        int columns = width.isEmpty() ? 0 : Integer.parseInt(width);
        if (align.equals("=") && (text.startsWith("-") || text.startsWith("+"))) {
            return text.charAt(0) + Text.padded(text.substring(1), Math.max(0, columns - 1), fill, true, false);
        }
        return switch (align) {
            case "<" -> Text.padded(text, columns, fill, false, true);
            case "^" -> {
                int missing = Math.max(0, columns - Text.length(text));
                yield fill.repeat(missing / 2) + text + fill.repeat(missing - missing / 2);
            }
            default -> Text.padded(text, columns, fill, true, false);
        };
    }
}

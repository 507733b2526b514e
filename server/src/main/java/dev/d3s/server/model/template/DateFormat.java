package dev.d3s.server.model.template;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Dates as Python's {@code strftime} writes them, in English. */
final class DateFormat {
    private DateFormat() {}

    static String of(ZonedDateTime time, String format) {
        StringBuilder out = new StringBuilder();
        for (int at = 0; at < format.length(); at++) {
            char next = format.charAt(at);
            if (next != '%' || at + 1 == format.length()) {
                out.append(next);
                continue;
            }
            char letter = format.charAt(++at);
            boolean bare = letter == '-' && at + 1 < format.length();
            if (bare) {
                letter = format.charAt(++at);
            }
            String field = field(time, letter);
            out.append(bare && field.length() > 1 && field.startsWith("0")
                    ? Text.strip(field.substring(0, field.length() - 1), "0", true, false)
                            + field.charAt(field.length() - 1)
                    : field);
            Text.checked(out.length());
        }
        return out.toString();
    }

    private static String field(ZonedDateTime time, char letter) {
        String pattern = switch (letter) {
            case 'd' -> "dd";
            case 'm' -> "MM";
            case 'Y' -> "yyyy";
            case 'y' -> "yy";
            case 'b', 'h' -> "MMM";
            case 'B' -> "MMMM";
            case 'a' -> "EEE";
            case 'A' -> "EEEE";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'p' -> "a";
            case 'j' -> "DDD";
            case 'f' -> "SSSSSS";
            case 'F' -> "yyyy-MM-dd";
            case 'T', 'X' -> "HH:mm:ss";
            case 'D', 'x' -> "MM/dd/yy";
            case 'R' -> "HH:mm";
            case 'r' -> "hh:mm:ss a";
            default -> "";
        };
        if (!pattern.isEmpty()) {
            return DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
        }
        return switch (letter) {
            case 'e' -> Text.padded(String.valueOf(time.getDayOfMonth()), 2, " ", true, false);
            case 'c' -> of(time, "%a %b %e %H:%M:%S %Y");
            case 'u' -> String.valueOf(time.getDayOfWeek().getValue());
            case 'w' -> String.valueOf(time.getDayOfWeek().getValue() % 7);
            case 's' -> String.valueOf(time.toEpochSecond());
            case 'n' -> "\n";
            case 't' -> "\t";
            // the time that templates see has no zone
            case 'z', 'Z' -> "";
            case '%' -> "%";
            default -> "%" + letter;
        };
    }
}

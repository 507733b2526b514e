package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How texts are taken apart for comparisons of words. Linear in the text. */
final class Words {
    private Words() {}

    /**
     * Runs of letters, digits and underscores, and runs of other characters that are not spaces, case kept. An ideograph is a
     * word of its own, since texts of them have no spaces.
     */
    static List<String> andSigns(String text) {
        return split(text, true);
    }

    /** Runs of letters and digits in lower case, as ROUGE takes a text; an ideograph is a word of its own. */
    static List<String> only(String text) {
        return split(text.toLowerCase(Locale.ROOT), false);
    }

    private enum Kind {
        NOTHING, WORD, IDEOGRAPH, SIGN
    }

    private static Kind kind(int c, boolean signs) {
        if (Character.isIdeographic(c)) {
            return Kind.IDEOGRAPH;
        }
        if (Character.isLetterOrDigit(c) || (signs && c == '_')) {
            return Kind.WORD;
        }
        return signs && !Character.isWhitespace(c) && !Character.isSpaceChar(c) ? Kind.SIGN : Kind.NOTHING;
    }

    private static List<String> split(String text, boolean signs) {
        List<String> words = new ArrayList<>();
        int begin = 0;
        Kind current = Kind.NOTHING;
        for (int i = 0; i < text.length();) {
            int c = text.codePointAt(i);
            Kind kind = kind(c, signs);
            if (kind != current || kind == Kind.IDEOGRAPH) {
                if (current != Kind.NOTHING) {
                    words.add(text.substring(begin, i));
                }
                begin = i;
                current = kind;
            }
            i += Character.charCount(c);
        }
        if (current != Kind.NOTHING) {
            words.add(text.substring(begin));
        }
        return words;
    }
}

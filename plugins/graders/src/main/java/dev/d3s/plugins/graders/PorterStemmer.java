package dev.d3s.plugins.graders;

import java.util.List;

/**
 * English words without their endings (M. F. Porter, "An algorithm for suffix stripping", 1980), for METEOR. What is not
 * made of the letters a to z comes back as it is.
 */
final class PorterStemmer {
    /** Replaces an ending when the stem before it has at least this measure. */
    private record Rule(String ending, String replacement) {}

    private static final List<Rule> STEP_2 = List.of(new Rule("ational", "ate"), new Rule("tional", "tion"),
            new Rule("enci", "ence"), new Rule("anci", "ance"), new Rule("izer", "ize"), new Rule("abli", "able"),
            new Rule("alli", "al"), new Rule("entli", "ent"), new Rule("eli", "e"), new Rule("ousli", "ous"),
            new Rule("ization", "ize"), new Rule("ation", "ate"), new Rule("ator", "ate"), new Rule("alism", "al"),
            new Rule("iveness", "ive"), new Rule("fulness", "ful"), new Rule("ousness", "ous"),
            new Rule("aliti", "al"), new Rule("iviti", "ive"), new Rule("biliti", "ble"));
    private static final List<Rule> STEP_3 = List.of(new Rule("icate", "ic"), new Rule("ative", ""),
            new Rule("alize", "al"), new Rule("iciti", "ic"), new Rule("ical", "ic"), new Rule("ful", ""),
            new Rule("ness", ""));
    private static final List<String> STEP_4 = List.of("ement", "ance", "ence", "able", "ible", "ment", "ant", "ent",
            "ism", "ate", "iti", "ous", "ive", "ize", "ion", "al", "er", "ic", "ou");

    private PorterStemmer() {}

    /** @param word in lower case */
    static String stem(String word) {
        if (word.length() <= 2 || word.length() > 100 || !word.chars().allMatch(c -> c >= 'a' && c <= 'z')) {
            return word;
        }
        String stem = step1a(word);
        stem = step1b(stem);
        if (stem.endsWith("y") && hasVowel(without(stem, 1))) {
            stem = without(stem, 1) + "i";
        }
        stem = replaced(stem, STEP_2);
        stem = replaced(stem, STEP_3);
        stem = step4(stem);
        return step5(stem);
    }

    private static String step1a(String word) {
        if (word.endsWith("sses") || word.endsWith("ies")) {
            return without(word, 2);
        }
        return word.endsWith("s") && !word.endsWith("ss") ? without(word, 1) : word;
    }

    private static String step1b(String word) {
        if (word.endsWith("eed")) {
            return measure(without(word, 3)) > 0 ? without(word, 1) : word;
        }
        String stem = word.endsWith("ed") ? without(word, 2) : word.endsWith("ing") ? without(word, 3) : word;
        if (stem.length() == word.length() || !hasVowel(stem)) {
            return word;
        }
        if (stem.endsWith("at") || stem.endsWith("bl") || stem.endsWith("iz")) {
            return stem + "e";
        }
        if (endsDouble(stem) && !stem.endsWith("l") && !stem.endsWith("s") && !stem.endsWith("z")) {
            return without(stem, 1);
        }
        return measure(stem) == 1 && endsConsonantVowelConsonant(stem) ? stem + "e" : stem;
    }

    /** The longest ending decides, also when its stem is too short for the replacement. */
    private static String replaced(String word, List<Rule> rules) {
        Rule longest = null;
        for (Rule rule : rules) {
            if (word.endsWith(rule.ending())
                    && (longest == null || rule.ending().length() > longest.ending().length())) {
                longest = rule;
            }
        }
        if (longest == null) {
            return word;
        }
        String stem = without(word, longest.ending().length());
        return measure(stem) > 0 ? stem + longest.replacement() : word;
    }

    private static String step4(String word) {
        for (String ending : STEP_4) {
            if (word.endsWith(ending)) {
                String stem = without(word, ending.length());
                boolean fits = !ending.equals("ion") || stem.endsWith("s") || stem.endsWith("t");
                return fits && measure(stem) > 1 ? stem : word;
            }
        }
        return word;
    }

    private static String step5(String word) {
        String stem = word;
        if (stem.endsWith("e")) {
            String before = without(stem, 1);
            int measure = measure(before);
            if (measure > 1 || (measure == 1 && !endsConsonantVowelConsonant(before))) {
                stem = before;
            }
        }
        return stem.endsWith("ll") && measure(without(stem, 1)) > 1 ? without(stem, 1) : stem;
    }

    private static String without(String word, int letters) {
        return word.substring(0, word.length() - letters);
    }

    /** y after a consonant is a vowel. */
    private static boolean consonant(String word, int i) {
        return switch (word.charAt(i)) {
            case 'a', 'e', 'i', 'o', 'u' -> false;
            case 'y' -> i == 0 || !consonant(word, i - 1);
            default -> true;
        };
    }

    private static boolean hasVowel(String word) {
        for (int i = 0; i < word.length(); i++) {
            if (!consonant(word, i)) {
                return true;
            }
        }
        return false;
    }

    /** How often a vowel is followed by a consonant. */
    private static int measure(String word) {
        int measure = 0;
        for (int i = 1; i < word.length(); i++) {
            if (consonant(word, i) && !consonant(word, i - 1)) {
                measure++;
            }
        }
        return measure;
    }

    private static boolean endsDouble(String word) {
        int last = word.length() - 1;
        return last >= 1 && word.charAt(last) == word.charAt(last - 1) && consonant(word, last);
    }

    /** As in hop, and not as in snow, box or tray. */
    private static boolean endsConsonantVowelConsonant(String word) {
        int last = word.length() - 1;
        return last >= 2 && consonant(word, last) && !consonant(word, last - 1) && consonant(word, last - 2)
                && "wxy".indexOf(word.charAt(last)) < 0;
    }
}

package dev.d3s.plugins.graders;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * How alike two texts are, 0 to 1. The metrics of OpenAI's text_similarity, with the formulas of the libraries that people
 * compute them with (nltk, rouge-score, rapidfuzz); tests hold their figures to those. Where OpenAI asks an embedding model
 * ({@link #COSINE}) or WordNet (METEOR's synonyms) we do not: a reward must be reproducible on the machine that trains.
 */
enum TextSimilarity {
    /** Cosine of the angle between the two vectors of word counts. */
    COSINE {
        @Override
        double of(String input, String reference) {
            Map<List<String>, Integer> given = grams(Words.only(input), 1);
            Map<List<String>, Integer> right = grams(Words.only(reference), 1);
            double product = 0;
            for (Map.Entry<List<String>, Integer> word : given.entrySet()) {
                product += (double) word.getValue() * right.getOrDefault(word.getKey(), 0);
            }
            return product == 0 ? 0 : Math.min(1, product / Math.sqrt(squares(given) * squares(right)));
        }
    },
    /** 2 M / (|a| + |b|) with M the longest common subsequence of characters: rapidfuzz's ratio. */
    FUZZY_MATCH {
        @Override
        double of(String input, String reference) throws InterruptedException {
            int all = input.codePointCount(0, input.length()) + reference.codePointCount(0, reference.length());
            return all == 0 ? 1 : 2.0 * CommonSubsequence.length(input, reference) / all;
        }
    },
    /** Sentence BLEU of 1 to 4 words, brevity penalty, smoothing 4 of Chen and Cherry (2014). */
    BLEU {
        @Override
        double of(String input, String reference) {
            return bleu(Words.andSigns(input), Words.andSigns(reference));
        }
    },
    /** Google's BLEU: the smaller of precision and recall over all sequences of 1 to 4 words. */
    GLEU {
        @Override
        double of(String input, String reference) {
            List<String> given = Words.andSigns(input);
            List<String> right = Words.andSigns(reference);
            long common = 0;
            long all = 0;
            for (int n = 1; n <= LONGEST; n++) {
                common += common(grams(given, n), grams(right, n));
                all += Math.max(0, Math.max(given.size(), right.size()) - n + 1);
            }
            return all == 0 ? 0 : (double) common / all;
        }
    },
    /** METEOR of Lavie and Agarwal (2007): words, then stems; alpha 0.9, beta 3, gamma 0.5. */
    METEOR {
        @Override
        double of(String input, String reference) {
            return meteor(Words.andSigns(input.toLowerCase(Locale.ROOT)),
                    Words.andSigns(reference.toLowerCase(Locale.ROOT)));
        }
    },
    ROUGE_1 {
        @Override
        double of(String input, String reference) {
            return rouge(input, reference, 1);
        }
    },
    ROUGE_2 {
        @Override
        double of(String input, String reference) {
            return rouge(input, reference, 2);
        }
    },
    ROUGE_3 {
        @Override
        double of(String input, String reference) {
            return rouge(input, reference, 3);
        }
    },
    ROUGE_4 {
        @Override
        double of(String input, String reference) {
            return rouge(input, reference, 4);
        }
    },
    ROUGE_5 {
        @Override
        double of(String input, String reference) {
            return rouge(input, reference, 5);
        }
    },
    /** F1 of the longest common subsequence of words. */
    ROUGE_L {
        @Override
        double of(String input, String reference) throws InterruptedException {
            List<String> given = Words.only(input);
            List<String> right = Words.only(reference);
            return f1(CommonSubsequence.length(given, right), given.size(), right.size());
        }
    };

    private static final int LONGEST = 4;

    abstract double of(String input, String reference) throws InterruptedException;

    /** F1 of the sequences of n words. */
    private static double rouge(String input, String reference, int n) {
        List<String> given = Words.only(input);
        List<String> right = Words.only(reference);
        return f1(common(grams(given, n), grams(right, n)), Math.max(0, given.size() - n + 1),
                Math.max(0, right.size() - n + 1));
    }

    private static double f1(long common, int given, int right) {
        return common == 0 ? 0 : 2.0 * common / ((double) given + right);
    }

    /** Sequences of n words with their number. */
    private static Map<List<String>, Integer> grams(List<String> words, int n) {
        Map<List<String>, Integer> grams = new HashMap<>();
        for (int i = 0; i + n <= words.size(); i++) {
            grams.merge(words.subList(i, i + n), 1, Integer::sum);
        }
        return grams;
    }

    private static long common(Map<List<String>, Integer> a, Map<List<String>, Integer> b) {
        long common = 0;
        for (Map.Entry<List<String>, Integer> gram : a.entrySet()) {
            common += Math.min(gram.getValue(), b.getOrDefault(gram.getKey(), 0));
        }
        return common;
    }

    private static double squares(Map<List<String>, Integer> counts) {
        return counts.values().stream().mapToDouble(count -> (double) count * count).sum();
    }

    private static double bleu(List<String> given, List<String> right) {
        double logarithms = 0;
        int smoothed = 0;
        for (int n = 1; n <= LONGEST; n++) {
            long common = common(grams(given, n), grams(right, n));
            if (n == 1 && common == 0) {
                return 0;
            }
            double possible = Math.max(1, given.size() - n + 1);
            double precision = common / possible;
            if (common == 0 && given.size() > 1) {
                // no sequence of this length matches: count a little, less for each such length and for shorter texts
                smoothed++;
                precision = Math.log(given.size()) / (Math.pow(2, smoothed) * 5) / possible;
            }
            if (precision > 0) { // of a single word, sequences of two and more are left out
                logarithms += Math.log(precision) / LONGEST;
            }
        }
        double brevity = given.size() > right.size() ? 1 : Math.exp(1 - (double) right.size() / given.size());
        return brevity * Math.exp(logarithms);
    }

    /** A word of the input and the word of the reference that it stands for. */
    private record Match(int given, int right) {}

    private static double meteor(List<String> given, List<String> right) {
        Set<Integer> usedGiven = new HashSet<>();
        Set<Integer> usedRight = new HashSet<>();
        List<Match> matches = new ArrayList<>();
        for (UnaryOperator<String> form : List.<UnaryOperator<String>>of(word -> word, PorterStemmer::stem)) {
            align(given, right, form, usedGiven, usedRight, matches);
        }
        if (matches.isEmpty()) {
            return 0;
        }
        matches.sort(Comparator.comparingInt(Match::given));
        int chunks = 1;
        for (int i = 1; i < matches.size(); i++) {
            Match last = matches.get(i - 1);
            Match next = matches.get(i);
            chunks += next.given() == last.given() + 1 && next.right() == last.right() + 1 ? 0 : 1;
        }
        double precision = (double) matches.size() / given.size();
        double recall = (double) matches.size() / right.size();
        double mean = precision * recall / (0.9 * precision + 0.1 * recall);
        double penalty = 0.5 * Math.pow((double) chunks / matches.size(), 3);
        return (1 - penalty) * mean;
    }

    /** From the end, each word with the last equal one that is free. */
    private static void align(List<String> given, List<String> right, UnaryOperator<String> form,
            Set<Integer> usedGiven, Set<Integer> usedRight, List<Match> matches) {
        Map<String, Deque<Integer>> free = new HashMap<>();
        for (int i = 0; i < right.size(); i++) {
            if (!usedRight.contains(i)) {
                free.computeIfAbsent(form.apply(right.get(i)), word -> new ArrayDeque<>()).push(i);
            }
        }
        for (int i = given.size() - 1; i >= 0; i--) {
            Deque<Integer> candidates = usedGiven.contains(i) ? null : free.get(form.apply(given.get(i)));
            if (candidates != null && !candidates.isEmpty()) {
                int match = candidates.pop();
                usedGiven.add(i);
                usedRight.add(match);
                matches.add(new Match(i, match));
            }
        }
    }

    /** As in a job. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    static List<String> words() {
        return Arrays.stream(values()).map(TextSimilarity::word).toList();
    }

    static TextSimilarity of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}

package dev.d3s.plugins.graders;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Finds the score in what a judge says: the member {@code result} (or score, reward, rating, grade) of the last JSON object
 * that has one, else the last number. What a judge thinks before {@code </think>} does not count. A fraction over the largest
 * score is a score out of it, so that 7/10 is 7 in a range up to 10 and 0.7 in one up to 1; a percentage is a share of the
 * range.
 *
 * @param minimum smallest score
 * @param maximum largest score, above it
 * @param clamp whether a score outside becomes the nearer end, instead of an error
 */
record ModelScore(double minimum, double maximum, boolean clamp) {
    private static final List<String> MEMBERS = List.of("result", "score", "reward", "rating", "grade");
    private static final String THOUGHT = "</think>";

    static @Nullable ModelScore of(List<?> range, boolean clamp, List<ConfigProblem> problems) {
        if (range.size() == 2 && range.get(0) instanceof Number low && range.get(1) instanceof Number high
                && low.doubleValue() < high.doubleValue() && Double.isFinite(high.doubleValue() - low.doubleValue())) {
            return new ModelScore(low.doubleValue(), high.doubleValue(), clamp);
        }
        problems.add(new ConfigProblem("range",
                "Key 'range' must be two numbers, the smallest and the largest score, such as [0, 1]."));
        return null;
    }

    /** @throws D3sException when there is none, or it is outside the range and not to be clamped */
    double of(String text) {
        Double found = find(text);
        if (found == null || !Double.isFinite(found)) {
            throw new D3sException(ErrorCategory.EXTERNAL, "no_score",
                    "The model gave no score: '" + shortened(text)
                            + "'. Let the input ask for JSON such as {\"result\": "
                            + maximum + "}.");
        }
        if (!clamp && (found < minimum || found > maximum)) {
            throw new D3sException(ErrorCategory.EXTERNAL, "score_outside_range",
                    "The model gave the score " + found + ", which is not in the range " + minimum + " to " + maximum
                            + ".");
        }
        return Math.clamp(found, minimum, maximum);
    }

    private @Nullable Double find(String text) {
        int thought = text.lastIndexOf(THOUGHT);
        String said = thought < 0 ? text : text.substring(thought + THOUGHT.length());
        Double member = lastMember(said);
        return member != null ? member : lastNumber(said);
    }

    /** Of the last object that is JSON and has a score; objects inside it count as part of it. */
    private @Nullable Double lastMember(String text) {
        int end = text.lastIndexOf('}');
        // each brace is tried as a beginning, from the right; a bound keeps babble from costing its square
        for (int begin = text.lastIndexOf('{'), tries = 0; begin >= 0 && end > begin
                && tries < 50; begin = text.lastIndexOf('{', begin - 1), tries++) {
            int close = text.indexOf('}', begin);
            while (close >= 0 && close <= end && close - begin <= 20_000 && tries < 50) {
                Double score = member(text.substring(begin, close + 1));
                if (score != null) {
                    return score;
                }
                close = text.indexOf('}', close + 1);
                tries++;
            }
            if (begin == 0) {
                break;
            }
        }
        return null;
    }

    private @Nullable Double member(String json) {
        try {
            Map<String, Object> members = Members.of(Json.read(json));
            for (String name : MEMBERS) {
                Object value = members.get(name);
                if (value instanceof Number number) {
                    return number.doubleValue();
                }
                if (value instanceof String text) {
                    return lastNumber(text);
                }
            }
        } catch (IOException e) {
            return null; // not JSON from here
        }
        return null;
    }

    private @Nullable Double lastNumber(String text) {
        List<NumberScanner.Found> numbers = NumberScanner.scan(text);
        if (numbers.isEmpty()) {
            return null;
        }
        NumberScanner.Found last = numbers.getLast();
        double value = last.value().doubleValue();
        if (last.percent()) {
            return minimum + (maximum - minimum) * value / 100;
        }
        String written = text.substring(last.start(), last.end());
        int slash = written.indexOf('/');
        if (slash > 0) {
            List<NumberScanner.Found> outOf = NumberScanner.scan(written.substring(slash + 1));
            if (!outOf.isEmpty() && outOf.getLast().value().doubleValue() == maximum) {
                return value * maximum;
            }
        }
        return value;
    }

    private static String shortened(String text) {
        return HttpExchange.shortened(text.length() <= 400 ? text : text.substring(text.length() - 400));
    }
}

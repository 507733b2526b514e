package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import dev.d3s.server.cli.Comparison.Reach;
import dev.d3s.server.cli.Comparison.Summary;

/**
 * Whether a variant did what is claimed of the method: a final accuracy that is not significantly below GRPO's, and GRPO's final accuracy less one point
 * after at most {@value #TRAINED_SHARE} of its trained tokens and {@value #UPDATE_SHARE} of its update seconds.
 *
 * @param reasons why not, or why not on every seed
 */
record Verdict(Summary summary, Outcome outcome, List<String> reasons) {
    static final double TRAINED_SHARE = 0.25;
    static final double UPDATE_SHARE = 0.5;
    static final String EXPECTATION = String.format(Locale.ROOT,
            "The expectation: a final accuracy that is not significantly below GRPO's, and GRPO's final accuracy less one"
                    + " point reached by every seed with at most %s of GRPO's trained tokens and %s of its update seconds.",
            Words.share(TRAINED_SHARE), Words.share(UPDATE_SHARE));

    /** From best to worst. */
    enum Outcome {
        EVERY_SEED("met on every seed"), ON_AVERAGE("met on average only"), NOT_MET("not met"), UNKNOWN("unknown");

        private final String words;

        Outcome(String words) {
            this.words = words;
        }

        String words() {
            return words;
        }
    }

    Verdict {
        reasons = List.copyOf(reasons);
    }

    static Verdict of(Summary summary) {
        Reach reach = summary.onePoint();
        if (reach.seeds() == 0) {
            return new Verdict(summary, Outcome.UNKNOWN,
                    List.of(summary.succeeded() == 0
                            ? "no run succeeded"
                            : "there is no seed on which GRPO learnt"
                                    + " enough to be reached"));
        }
        List<String> reasons = new ArrayList<>();
        Estimate difference = summary.difference();
        if (difference.count() > 1 && difference.high() < 0) {
            reasons.add("its final accuracy is significantly lower");
        }
        if (reach.missed() > 0) {
            reasons.add(reach.missed() + " of " + Words.seeds(reach.seeds())
                    + " never came within a point of GRPO's final accuracy");
        }
        if (reach.missed() < reach.seeds()) {
            if (reach.trainedRatio() > TRAINED_SHARE) {
                reasons.add("it took " + Words.percent(reach.trainedRatio()) + " of the trained tokens");
            }
            if (reach.updateRatio() > UPDATE_SHARE) {
                reasons.add("it took " + Words.percent(reach.updateRatio()) + " of the update seconds");
            }
        }
        if (!reasons.isEmpty()) {
            return new Verdict(summary, Outcome.NOT_MET, reasons);
        }
        if (reach.trainedRatioWorst() > TRAINED_SHARE) {
            reasons.add("one seed took " + Words.percent(reach.trainedRatioWorst()) + " of the trained tokens");
        }
        if (reach.updateRatioWorst() > UPDATE_SHARE) {
            reasons.add("one seed took " + Words.percent(reach.updateRatioWorst()) + " of the update seconds");
        }
        if (!reasons.isEmpty()) {
            return new Verdict(summary, Outcome.ON_AVERAGE, reasons);
        }
        return new Verdict(summary, Outcome.EVERY_SEED, List.of());
    }

    /** Of everything that is compared with the baseline. */
    static List<Verdict> of(Comparison comparison) {
        return comparison.summaries()
            .stream()
            .filter(summary -> !summary.variant().equals(Variant.BASELINE))
            .map(Verdict::of)
            .toList();
    }

    /** One sentence for all of them. A seed on which GRPO learnt too little to be reached does not count. */
    static String headline(Comparison comparison) {
        List<Verdict> verdicts = of(comparison);
        if (verdicts.isEmpty()) {
            return "GRPO alone: there is nothing to compare.";
        }
        if (comparison.seeds().stream().noneMatch(seed -> comparison.baseline(seed).isPresent())) {
            return "GRPO has no run that succeeded: there is nothing to compare with.";
        }
        long seeds = comparison.seeds()
            .stream()
            .filter(seed -> comparison.baseline(seed).flatMap(Comparison.Target.ONE_POINT::of).isPresent())
            .count();
        if (seeds == 0) {
            return "GRPO learnt nothing on any seed: there is no accuracy to reach.";
        }
        long met = verdicts.stream().filter(verdict -> verdict.outcome == Outcome.EVERY_SEED).count();
        return (met == 0 ? "None" : Long.toString(met)) + " of " + verdicts.size()
                + (verdicts.size() == 1 ? " preset" : " presets") + " matched GRPO's final accuracy with at most "
                + Words.share(TRAINED_SHARE) + " of its trained tokens and " + Words.share(UPDATE_SHARE)
                + " of its update seconds on " + (seeds == 1 ? "one seed" : "each of " + Words.seeds((int) seeds))
                + ".";
    }

    /** What the number of seeds allows to be said. */
    static String caution(Comparison comparison) {
        long seeds = comparison.seeds().stream().filter(seed -> comparison.baseline(seed).isPresent()).count();
        if (seeds < 2) {
            return "One seed has no interval: it says nothing about differences in accuracy.";
        }
        double widest = of(comparison).stream()
            .mapToDouble(verdict -> verdict.summary.difference().halfWidth())
            .filter(Double::isFinite)
            .max()
            .orElse(Double.NaN);
        return Double.isNaN(widest)
                ? ""
                : "The widest 95 % interval of a difference in final accuracy is " + Words.points(widest)
                        + " points to each side: a smaller difference means nothing.";
    }

    /** {@code d3s: not met (...): +0.2 ± 1.0 points ...}. */
    String words() {
        StringBuilder text = new StringBuilder(outcome.words);
        if (!reasons.isEmpty()) {
            text.append(" (").append(String.join("; ", reasons)).append(')');
        }
        Estimate difference = summary.difference();
        if (difference.count() > 0) {
            text.append(". Final accuracy ")
                .append(Words.percent(summary.finalAccuracy().mean()))
                .append(", ")
                .append(Words.difference(difference))
                .append(" points against GRPO's");
        }
        Reach reach = summary.onePoint();
        if (reach.missed() < reach.seeds()) {
            text.append("; within a point of it after ")
                .append(Words.share(reach.trainedRatio()))
                .append(" of GRPO's trained tokens and ")
                .append(Words.share(reach.updateRatio()))
                .append(" of its update seconds");
        }
        return text.append('.').toString();
    }
}

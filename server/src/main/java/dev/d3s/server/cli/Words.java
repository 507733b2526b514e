package dev.d3s.server.cli;

import java.util.Locale;

/** Numbers for people. What is not a number is a dash. */
final class Words {
    static final String NONE = "-";

    private Words() {}

    /** An accuracy. */
    static String percent(double share) {
        return number("%.1f %%", 100 * share);
    }

    /** What part of GRPO's: whole per cents, more of them where there is little. */
    static String share(double ratio) {
        return number(ratio < 0.095 ? "%.1f %%" : "%.0f %%", 100 * ratio);
    }

    /** A difference of accuracies, without a sign. */
    static String points(double share) {
        return number("%.1f", 100 * share);
    }

    /** {@code +0.2 ± 1.0}, in points; without an interval where there is none. */
    static String difference(Estimate estimate) {
        String mean = number("%+.1f", 100 * estimate.mean());
        return Double.isFinite(estimate.halfWidth()) ? mean + " ± " + points(estimate.halfWidth()) : mean;
    }

    /** {@code ± 1.0}, in points. */
    static String interval(Estimate estimate) {
        return Double.isFinite(estimate.halfWidth()) ? "± " + points(estimate.halfWidth()) : NONE;
    }

    static String count(double value) {
        return number("%,.0f", value);
    }

    static String decimal(double value, int digits) {
        return number("%." + digits + "f", value);
    }

    static String seeds(int count) {
        return count + (count == 1 ? " seed" : " seeds");
    }

    /** {@code about 9 min}. */
    static String duration(double seconds) {
        return seconds < 90
                ? "about " + Math.max(1, Math.round(seconds)) + " s"
                : "about " + Math.round(seconds / 60) + " min";
    }

    private static String number(String format, double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, format, value) : NONE;
    }
}

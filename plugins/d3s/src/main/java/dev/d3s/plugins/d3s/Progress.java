package dev.d3s.plugins.d3s;

/** How far a run is, and values between two ends. Pure. */
final class Progress {
    private Progress() {}

    /** p = step / (totalSteps - 1): 0 at the first step, 1 at the last one; 0 in a run of one step. */
    static double of(int step, int totalSteps) {
        return totalSteps <= 1 ? 0 : (double) step / (totalSteps - 1);
    }

    /** (1 - share) * from + share * to, never beyond an end. */
    static double between(double from, double to, double share) {
        // rounding may step over an end
        return Math.clamp((1 - share) * from + share * to, Math.min(from, to), Math.max(from, to));
    }
}

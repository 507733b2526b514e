package dev.d3s.server.evaluation;

/**
 * The mean of one value per prompt, and how far chance alone would move it. Prompts are independent and the completions of one
 * prompt are not, so the values are means over a prompt's completions and the error is that of their mean: the standard error
 * clustered by prompt. Updated in one pass (Welford, "Note on a method for calculating corrected sums of squares and products",
 * 1962). Not thread-safe.
 */
public final class Estimate {
    private long count;
    private double sum;
    private double runningMean;
    private double squares;

    /** Takes a prompt's value; one that is not finite is no value. */
    public void add(double value) {
        if (!Double.isFinite(value)) {
            return;
        }
        count++;
        sum += value;
        double delta = value - runningMean;
        runningMean += delta / count;
        squares += delta * (value - runningMean);
    }

    /** Prompts that have a value. */
    public long count() {
        return count;
    }

    /** The sum over the count, so that a mean of zeros and ones is exact; NaN when there is no value. */
    public double mean() {
        return count == 0 ? Double.NaN : sum / count;
    }

    /** Standard deviation (ddof 1) over the square root of the count; NaN below two values. */
    public double standardError() {
        return count < 2 ? Double.NaN : Math.sqrt(squares / (count - 1) / count);
    }
}

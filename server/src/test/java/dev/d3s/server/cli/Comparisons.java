package dev.d3s.server.cli;

import java.util.List;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

/** A comparison that is small enough to be worked out by hand: every step evaluates, and steps of a variant are alike. */
final class Comparisons {
    static final Variant D3S = Variant.of("d3s");
    static final Variant HALF = Variant.parseList("d3s:rollouts=0.5").getFirst();

    private Comparisons() {}

    /**
     * A table as the server writes it.
     *
     * @param trained tokens per step; 1000 are generated
     * @param update seconds per step; the other phases of a step take one second together, and evaluation another
     * @param accuracies before training and after each step
     */
    static String csv(int trained, double update, double... accuracies) {
        StringBuilder text = new StringBuilder("step,accuracy,gradient_norm,advantage_variance,"
                + "advantage_variance_kept,entropy,kept_rollout_ratio,kept_token_ratio,generated_tokens,trained_tokens,"
                + "skipped,seconds_rollout,seconds_grade,seconds_select,seconds_update,seconds_refresh,seconds_eval\n");
        text.append(String.format(Locale.ROOT, "-1,%s,,,,,,,,,,,,,,,1.0%n", accuracies[0]));
        for (int step = 0; step < accuracies.length - 1; step++) {
            text.append(
                    String.format(Locale.ROOT, "%d,%s,%s,0.75,1.5,%s,0.5,0.25,%d,%d,0.0,0.5,0.125,0.125,%s,0.25,1.0%n",
                            step, accuracies[step + 1], 1.0 + step, 0.5 - 0.125 * step, 1000 * (step + 1),
                            trained * (step + 1), update));
        }
        return text.toString();
    }

    static ComparedRun grpo(long seed, double... accuracies) {
        return run(Variant.BASELINE, seed, null, csv(1000, 1, accuracies));
    }

    static ComparedRun d3s(long seed, double... accuracies) {
        return run(D3S, seed, null, csv(200, 0.5, accuracies));
    }

    static ComparedRun run(Variant variant, long seed, @Nullable String failure, String csv) {
        return new ComparedRun(variant, seed, 1, MetricTable.parse(csv), failure);
    }

    static Comparison of(ComparedRun... runs) {
        return new Comparison(
                new Comparison.Setting(ArithmeticStart.USUAL, ArithmeticJobs.Size.USUAL, 4, 2e-4, 1),
                List.of(runs).stream().map(ComparedRun::variant).distinct().toList(),
                List.of(runs).stream().map(ComparedRun::seed).distinct().toList(), List.of(runs));
    }

    /** Three seeds: one that d3s finishes well, one on which it stays behind, one on which GRPO learns nothing; a third variant that fails. */
    static Comparison small() {
        return of(grpo(0, 0.25, 0.5, 0.8, 0.9, 1.0), d3s(0, 0.25, 0.4, 0.85, 0.86, 0.9),
                grpo(1, 0.25, 0.4, 0.6, 0.6, 0.6),
                d3s(1, 0.25, 0.3, 0.5, 0.5, 0.5), grpo(2, 0.25, 0.1, 0.15, 0.2, 0.25),
                d3s(2, 0.25, 0.3, 0.25, 0.2, 0.15),
                run(HALF, 0, "job ftjob-9 is failed: <b>\"loss\" is NaN</b>, & more", csv(500, 1, 0.25, 0.5)));
    }
}

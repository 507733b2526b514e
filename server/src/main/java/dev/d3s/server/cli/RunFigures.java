package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What one reinforcement job came to, from its metrics.
 *
 * @param startAccuracy held-out accuracy before the first step; NaN when it was not reported
 * @param evaluations after training began, in order
 * @param whole what all steps took
 * @param gradientNorm mean over the steps that updated
 * @param advantageVariance mean over the steps that updated, over all rollouts
 * @param advantageVarianceKept the same over kept rollouts
 * @param entropyFirst mean entropy of a token at the first step, nats
 * @param entropyLast at the last step
 * @param skippedSteps steps in which nothing was informative
 */
record RunFigures(double startAccuracy, List<Evaluation> evaluations, Cost whole, double gradientNorm,
        double advantageVariance, double advantageVarianceKept, double entropyFirst, double entropyLast,
        int skippedSteps) {
    /** How many of the last evaluations make the final accuracy. */
    static final int FINAL_EVALUATIONS = 3;

    private static final List<String> PHASES = List.of("seconds_rollout", "seconds_grade", "seconds_select",
            "seconds_update", "seconds_refresh");

    RunFigures {
        evaluations = List.copyOf(evaluations);
    }

    /**
     * What a run had taken after some step.
     *
     * @param steps how many
     * @param updateSeconds in the policy update
     * @param seconds rollout, grading, selection, update and refresh; neither evaluation nor checkpoints
     */
    record Cost(double steps, double generatedTokens, double trainedTokens, double updateSeconds, double seconds) {
        /** Before the first step. */
        static final Cost NOTHING = new Cost(0, 0, 0, 0, 0);

        /** With one step more. */
        Cost after(MetricTable.Row row) {
            double all = PHASES.stream().mapToDouble(phase -> row.value(phase).orElse(0)).sum();
            return new Cost(row.step() + 1, row.value("generated_tokens").orElse(generatedTokens),
                    row.value("trained_tokens").orElse(trainedTokens),
                    updateSeconds + row.value("seconds_update").orElse(0), seconds + all);
        }
    }

    /** Held-out accuracy, and what the run had taken by then. */
    record Evaluation(Cost cost, double accuracy) {}

    static RunFigures of(MetricTable metrics) {
        double start = Double.NaN;
        List<Evaluation> evaluations = new ArrayList<>();
        Cost cost = Cost.NOTHING;
        double gradientNorm = 0;
        double variance = 0;
        double varianceKept = 0;
        double entropyFirst = Double.NaN;
        double entropyLast = Double.NaN;
        int updated = 0;
        int skipped = 0;
        for (MetricTable.Row row : metrics.rows()) {
            double accuracy = row.value("accuracy").orElse(Double.NaN);
            if (row.step() < 0) {
                start = accuracy;
                continue;
            }
            cost = cost.after(row);
            if (Double.isFinite(accuracy)) {
                evaluations.add(new Evaluation(cost, accuracy));
            }
            if (row.value("skipped").orElse(0) == 1) {
                skipped++;
            } else {
                updated++;
                gradientNorm += row.value("gradient_norm").orElse(Double.NaN);
                variance += row.value("advantage_variance").orElse(Double.NaN);
                varianceKept += row.value("advantage_variance_kept").orElse(Double.NaN);
            }
            double entropy = row.value("entropy").orElse(Double.NaN);
            entropyFirst = Double.isNaN(entropyFirst) ? entropy : entropyFirst;
            entropyLast = Double.isNaN(entropy) ? entropyLast : entropy;
        }
        // 0 / 0 without an update is NaN: there is no mean
        return new RunFigures(start, evaluations, cost, gradientNorm / updated, variance / updated,
                varianceKept / updated, entropyFirst, entropyLast, skipped);
    }

    /** Mean of the last three evaluations, or of as many as there are; NaN without any. */
    double finalAccuracy() {
        return evaluations.subList(Math.max(0, evaluations.size() - FINAL_EVALUATIONS), evaluations.size())
            .stream()
            .mapToDouble(Evaluation::accuracy)
            .average()
            .orElse(Double.NaN);
    }

    /** What it took until the first evaluation that reached an accuracy; empty when none did. */
    Optional<Cost> costOf(double accuracy) {
        return evaluations.stream().filter(each -> each.accuracy >= accuracy).findFirst().map(Evaluation::cost);
    }
}

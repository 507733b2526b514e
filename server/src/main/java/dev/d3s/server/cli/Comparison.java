package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

import dev.d3s.server.cli.RunFigures.Cost;

/**
 * Runs of several variants over several seeds, and what they say about each variant against the baseline. Everything is compared within a seed, where data, start and
 * random numbers are the same, and only then averaged over seeds.
 *
 * @param variants in the order in which they are shown
 * @param seeds all that were asked for
 * @param runs those that have ended, in the order in which they ran
 */
record Comparison(Setting setting, List<Variant> variants, List<Long> seeds, List<ComparedRun> runs) {
    /** Share of GRPO's final accuracy that makes the first target. */
    static final double NINETY_PERCENT = 0.9;
    /** What is taken off GRPO's final accuracy for the second target. */
    static final double ONE_POINT = 0.01;

    Comparison {
        variants = List.copyOf(variants);
        seeds = List.copyOf(seeds);
        runs = List.copyOf(runs);
    }

    /** What all runs have in common. */
    record Setting(ArithmeticStart start, ArithmeticJobs.Size size, int steps, double learningRate,
            int evaluationInterval) {}

    /** An accuracy to reach, derived from the baseline's final accuracy of the same seed. */
    enum Target {
        NINETY, ONE_POINT;

        double accuracy(RunFigures baseline) {
            return switch (this) {
                case NINETY -> Comparison.NINETY_PERCENT * baseline.finalAccuracy();
                case ONE_POINT -> baseline.finalAccuracy() - Comparison.ONE_POINT;
            };
        }

        /** The accuracy to reach; empty when the baseline did not learn enough for it to lie above the start. */
        Optional<Double> of(RunFigures baseline) {
            double accuracy = accuracy(baseline);
            // an unknown start is no reason to leave the seed out
            return accuracy <= baseline.startAccuracy() || Double.isNaN(accuracy)
                    ? Optional.empty()
                    : Optional.of(accuracy);
        }
    }

    /**
     * What it took to reach a target. Costs and ratios are means over the seeds that reached it, so they flatter a variant that missed some.
     *
     * @param seeds seeds in which there was a target and a run
     * @param missed those of them that never reached it
     * @param trainedRatio trained tokens over the baseline's, each at its own first crossing
     * @param trainedRatioWorst of the worst seed
     */
    record Reach(int seeds, int missed, Cost cost, double trainedRatio, double trainedRatioWorst, double updateRatio,
            double updateRatioWorst, double secondsRatio) {}

    /**
     * One variant over all seeds; means are over the seeds whose run succeeded.
     *
     * @param difference final accuracy minus the baseline's of the same seed
     * @param whole what a whole run took
     * @param wholeRatio its steps, tokens and seconds over the baseline's of the same seed
     */
    record Summary(Variant variant, int succeeded, int failed, Estimate startAccuracy, Estimate finalAccuracy,
            Estimate difference, Reach ninety, Reach onePoint, Cost whole, Cost wholeRatio, double gradientNorm,
            double advantageVariance, double advantageVarianceKept, double entropyFirst, double entropyLast,
            double skippedSteps) {}

    /** A seed's run of a variant beside the baseline's. */
    private record Pair(RunFigures run, RunFigures baseline) {}

    List<Summary> summaries() {
        return variants.stream().map(this::summary).toList();
    }

    /** What has not run yet. */
    int missing() {
        return variants.size() * seeds.size() - runs.size();
    }

    List<ComparedRun> failures() {
        return runs.stream().filter(run -> run.failure() != null).toList();
    }

    /** The run of a variant on a seed; empty when it has not ended. */
    Optional<ComparedRun> run(Variant variant, long seed) {
        return runs.stream().filter(run -> run.seed() == seed && run.variant().equals(variant)).findFirst();
    }

    /** The baseline's figures on a seed; empty when it failed or has not ended. */
    Optional<RunFigures> baseline(long seed) {
        return run(Variant.BASELINE, seed).flatMap(ComparedRun::figures);
    }

    private Summary summary(Variant variant) {
        List<ComparedRun> all = runs.stream().filter(run -> run.variant().equals(variant)).toList();
        List<RunFigures> figures = all.stream().flatMap(run -> run.figures().stream()).toList();
        List<Pair> pairs = all.stream()
            .flatMap(run -> run.figures().stream().flatMap(own -> pair(own, run.seed())))
            .toList();
        return new Summary(variant, figures.size(), all.size() - figures.size(),
                Estimate.of(figures.stream().map(RunFigures::startAccuracy).toList()),
                Estimate.of(figures.stream().map(RunFigures::finalAccuracy).toList()),
                Estimate.of(pairs.stream()
                    .map(pair -> pair.run.finalAccuracy() - pair.baseline.finalAccuracy())
                    .toList()),
                reach(pairs, Target.NINETY), reach(pairs, Target.ONE_POINT),
                mean(figures.stream().map(RunFigures::whole).toList()),
                mean(pairs.stream().map(pair -> ratio(pair.run.whole(), pair.baseline.whole())).toList()),
                mean(figures.stream().map(RunFigures::gradientNorm)),
                mean(figures.stream().map(RunFigures::advantageVariance)),
                mean(figures.stream().map(RunFigures::advantageVarianceKept)),
                mean(figures.stream().map(RunFigures::entropyFirst)),
                mean(figures.stream().map(RunFigures::entropyLast)),
                mean(figures.stream().map(run -> (double) run.skippedSteps())));
    }

    private Stream<Pair> pair(RunFigures run, long seed) {
        return baseline(seed).stream().map(baseline -> new Pair(run, baseline));
    }

    private static Reach reach(List<Pair> pairs, Target target) {
        List<Cost> costs = new ArrayList<>();
        List<Cost> ratios = new ArrayList<>();
        int seeds = 0;
        for (Pair pair : pairs) {
            Optional<Double> accuracy = target.of(pair.baseline);
            if (accuracy.isEmpty()) {
                continue;
            }
            seeds++;
            Optional<Cost> own = pair.run.costOf(accuracy.get());
            // the best of its evaluations is not below their mean: the baseline always reaches it
            Cost baseline = pair.baseline.costOf(accuracy.get()).orElseThrow();
            own.ifPresent(cost -> {
                costs.add(cost);
                ratios.add(ratio(cost, baseline));
            });
        }
        Cost ratio = mean(ratios);
        return new Reach(seeds, seeds - costs.size(), mean(costs), ratio.trainedTokens(),
                worst(ratios.stream().map(Cost::trainedTokens)), ratio.updateSeconds(),
                worst(ratios.stream().map(Cost::updateSeconds)), ratio.seconds());
    }

    private static Cost ratio(Cost cost, Cost baseline) {
        return new Cost(cost.steps() / baseline.steps(), cost.generatedTokens() / baseline.generatedTokens(),
                cost.trainedTokens() / baseline.trainedTokens(), cost.updateSeconds() / baseline.updateSeconds(),
                cost.seconds() / baseline.seconds());
    }

    private static Cost mean(List<Cost> costs) {
        return new Cost(mean(costs.stream().map(Cost::steps)), mean(costs.stream().map(Cost::generatedTokens)),
                mean(costs.stream().map(Cost::trainedTokens)), mean(costs.stream().map(Cost::updateSeconds)),
                mean(costs.stream().map(Cost::seconds)));
    }

    private static double mean(Stream<Double> values) {
        return Estimate.of(values.toList()).mean();
    }

    private static double worst(Stream<Double> values) {
        return Estimate.of(values.toList()).max();
    }
}

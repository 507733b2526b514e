package dev.d3s.server.cli;

import static dev.d3s.server.cli.Comparisons.D3S;
import static dev.d3s.server.cli.Comparisons.HALF;
import static dev.d3s.server.cli.Comparisons.d3s;
import static dev.d3s.server.cli.Comparisons.grpo;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.cli.Comparison.Reach;
import dev.d3s.server.cli.Comparison.Summary;
import dev.d3s.server.cli.RunFigures.Cost;
import dev.d3s.server.cli.Verdict.Outcome;
import dev.d3s.server.training.Metric;

class ComparisonTest {
    private static final Offset<Double> EXACT = within(1e-9);

    private final Comparison small = Comparisons.small();

    private static Summary summary(Comparison comparison, Variant variant) {
        return comparison.summaries()
            .stream()
            .filter(each -> each.variant().equals(variant))
            .findFirst()
            .orElseThrow();
    }

    @Test
    void shouldSumUpARun() {
        RunFigures run = grpo(0, 0.25, 0.5, 0.8, 0.9, 1.0).figures().orElseThrow();

        assertThat(run.startAccuracy()).isEqualTo(0.25);
        assertThat(run.finalAccuracy()).isEqualTo(0.9, EXACT);
        assertThat(run.whole()).isEqualTo(new Cost(4, 4000, 4000, 4, 8));
        assertThat(run.gradientNorm()).isEqualTo(2.5);
        assertThat(run.advantageVariance()).isEqualTo(0.75);
        assertThat(run.advantageVarianceKept()).isEqualTo(1.5);
        assertThat(run.entropyFirst()).isEqualTo(0.5);
        assertThat(run.entropyLast()).isEqualTo(0.125);
        assertThat(run.skippedSteps()).isZero();
        assertThat(run.costOf(0.8)).contains(new Cost(2, 2000, 2000, 2, 4));
        assertThat(run.costOf(0.81)).contains(new Cost(3, 3000, 3000, 3, 6));
        assertThat(run.costOf(1.01)).isEmpty();
        // what was known before training costs a step all the same
        assertThat(run.costOf(0.2)).contains(new Cost(1, 1000, 1000, 1, 2));
    }

    @Test
    void shouldLeaveSkippedStepsOutOfMeans() {
        RunFigures run = RunFigures.of(MetricTable.parse("""
                step,accuracy,gradient_norm,advantage_variance,advantage_variance_kept,skipped,trained_tokens
                0,0.1,2.0,0.5,1.0,0.0,10
                1,,0.0,0.0,0.0,1.0,10
                2,0.4,4.0,0.7,2.0,0.0,20
                """));
        assertThat(run.skippedSteps()).isEqualTo(1);
        assertThat(run.gradientNorm()).isEqualTo(3);
        assertThat(run.advantageVariance()).isEqualTo(0.6, EXACT);
        assertThat(run.advantageVarianceKept()).isEqualTo(1.5);
        assertThat(run.finalAccuracy()).as("two evaluations are all there is").isEqualTo(0.25);
        assertThat(run.startAccuracy()).isNaN();

        RunFigures idle = RunFigures.of(MetricTable.parse("step,skipped\n0,1.0\n"));
        assertThat(idle.gradientNorm()).isNaN();
        assertThat(idle.finalAccuracy()).isNaN();
    }

    @Test
    void shouldCompareWithinASeed() {
        Summary d3s = summary(small, D3S);

        // finals .87, .5, .2 against .9, .6, .2
        assertThat(d3s.finalAccuracy().mean()).isEqualTo(1.57 / 3, EXACT);
        assertThat(d3s.difference().count()).isEqualTo(3);
        assertThat(d3s.difference().mean()).isEqualTo(-0.13 / 3, EXACT);
        // s^2 = ((.013333)^2 + (.056667)^2 + (.043333)^2) / 2 = .00263333
        assertThat(d3s.difference().halfWidth()).isEqualTo(4.302653 * Math.sqrt(0.00263333333 / 3), within(1e-6));
        assertThat(d3s.startAccuracy().mean()).isEqualTo(0.25);
        assertThat(d3s.succeeded()).isEqualTo(3);
        assertThat(d3s.whole()).isEqualTo(new Cost(4, 4000, 800, 2, 6));
        assertThat(d3s.wholeRatio().trainedTokens()).isEqualTo(0.2, EXACT);
        assertThat(d3s.wholeRatio().updateSeconds()).isEqualTo(0.5, EXACT);
        assertThat(d3s.wholeRatio().seconds()).isEqualTo(0.75, EXACT);
        assertThat(summary(small, Variant.BASELINE).difference().mean()).isZero();
    }

    @Test
    void shouldCountCostsWhereATargetWasReachedAndMissesWhereNot() {
        Summary d3s = summary(small, D3S);

        // seed 0: .81 after 2 steps of d3s, 3 of grpo; seed 1: .54 never; seed 2: .18 lies below the start
        assertThat(d3s.ninety()).isEqualTo(new Reach(2, 1, new Cost(2, 2000, 400, 1, 3), 400 / 3000.0, 400 / 3000.0,
                1 / 3.0, 1 / 3.0, 0.5));
        // seed 0: .89 after 4 steps of d3s, 3 of grpo
        assertThat(d3s.onePoint()).isEqualTo(new Reach(2, 1, new Cost(4, 4000, 800, 2, 6), 800 / 3000.0, 800 / 3000.0,
                2 / 3.0, 2 / 3.0, 1));
        Reach baseline = summary(small, Variant.BASELINE).ninety();
        assertThat(baseline.missed()).isZero();
        assertThat(baseline.seeds()).isEqualTo(2);
        assertThat(baseline.cost().steps()).as("3 and 2").isEqualTo(2.5);
        assertThat(baseline.trainedRatio()).isEqualTo(1);
    }

    @Test
    void shouldTellTheWorstSeedFromTheMean() {
        Comparison comparison = Comparisons.of(grpo(0, 0.2, 0.5, 0.9, 0.9, 0.9), d3s(0, 0.2, 0.9, 0.9, 0.9, 0.9),
                grpo(1, 0.2, 0.5, 0.9, 0.9, 0.9), d3s(1, 0.2, 0.5, 0.5, 0.9, 0.9));
        Reach reach = summary(comparison, D3S).onePoint();

        assertThat(reach.trainedRatio()).isEqualTo((200 / 2000.0 + 600 / 2000.0) / 2, EXACT);
        assertThat(reach.trainedRatioWorst()).isEqualTo(0.3, EXACT);
        assertThat(reach.updateRatioWorst()).isEqualTo(0.75, EXACT);
        assertThat(Verdict.of(comparison)).singleElement()
            .satisfies(verdict -> {
                assertThat(verdict.outcome()).isEqualTo(Outcome.ON_AVERAGE);
                assertThat(verdict.reasons()).containsExactly("one seed took 30.0 % of the trained tokens",
                        "one seed took 75.0 % of the update seconds");
            });
    }

    @Test
    void shouldDoWithoutABaselineThatFailed() {
        Comparison comparison = Comparisons.of(Comparisons.run(Variant.BASELINE, 0, "gone", ""),
                d3s(0, 0.2, 0.5, 0.6, 0.7));
        Summary d3s = summary(comparison, D3S);

        assertThat(d3s.finalAccuracy().mean()).isEqualTo(0.6, EXACT);
        assertThat(d3s.difference().count()).isZero();
        assertThat(d3s.ninety().seeds()).isZero();
        assertThat(d3s.ninety().cost().steps()).isNaN();
        assertThat(summary(comparison, Variant.BASELINE).failed()).isEqualTo(1);
        assertThat(Verdict.headline(comparison)).startsWith("GRPO has no run that succeeded");
        assertThat(Verdict.of(comparison).getFirst().outcome()).isEqualTo(Outcome.UNKNOWN);
        assertThat(comparison.run(D3S, 1)).isEqualTo(Optional.empty());
    }

    @Test
    void shouldJudgeByTheStatedExpectation() {
        List<Verdict> verdicts = Verdict.of(small);

        assertThat(verdicts).extracting(verdict -> verdict.summary().variant()).containsExactly(D3S, HALF);
        assertThat(verdicts.getFirst().outcome()).isEqualTo(Outcome.NOT_MET);
        assertThat(verdicts.getFirst().words()).isEqualTo("not met (1 of 2 seeds never came within a point of GRPO's"
                + " final accuracy; it took 26.7 % of the trained tokens; it took 66.7 % of the update seconds). Final"
                + " accuracy 52.3 %, -4.3 ± 12.7 points against GRPO's; within a point of it after 27 % of GRPO's"
                + " trained tokens and 67 % of its update seconds.");
        assertThat(verdicts.get(1).words()).isEqualTo("unknown (no run succeeded).");
        assertThat(Verdict.headline(small)).isEqualTo("None of 2 presets matched GRPO's final accuracy with"
                + " at most 25 % of its trained tokens and 50 % of its update seconds on each of 2 seeds.");
        assertThat(Verdict.caution(small)).contains("12.7 points to each side");

        Comparison good = Comparisons.of(grpo(0, 0.2, 0.5, 0.9, 0.9, 0.9), d3s(0, 0.2, 0.9, 0.9, 0.9, 0.9));
        assertThat(Verdict.of(good).getFirst().outcome()).isEqualTo(Outcome.EVERY_SEED);
        assertThat(Verdict.headline(good)).startsWith("1 of 1 preset matched").endsWith("on one seed.");
        assertThat(Verdict.headline(Comparisons.of(grpo(0, 0.2, 0.1, 0.1), d3s(0, 0.2, 0.3, 0.4))))
            .startsWith("GRPO learnt nothing on any seed");
        assertThat(Verdict.caution(good)).startsWith("One seed has no interval");
    }

    @Test
    void shouldNotRoundAShare() {
        // 500 and 504 of 2000 tokens
        Comparison close = Comparisons.of(grpo(0, 0.2, 0.5, 0.9, 0.9, 0.9),
                Comparisons.run(D3S, 0, null, Comparisons.csv(250, 0.25, 0.2, 0.5, 0.9, 0.9, 0.9)),
                Comparisons.run(HALF, 0, null, Comparisons.csv(252, 0.25, 0.2, 0.5, 0.9, 0.9, 0.9)));

        assertThat(Verdict.of(close)).extracting(Verdict::outcome).containsExactly(Outcome.EVERY_SEED, Outcome.NOT_MET);
        assertThat(Verdict.of(close).get(1).reasons()).containsExactly("it took 25.2 % of the trained tokens");
    }

    @Test
    void shouldSeeASignificantLoss() {
        Comparison comparison = Comparisons.of(grpo(0, 0.2, 0.9, 0.9, 0.9, 0.9), d3s(0, 0.2, 0.95, 0.7, 0.7, 0.7),
                grpo(1, 0.2, 0.9, 0.9, 0.9, 0.9), d3s(1, 0.2, 0.95, 0.7, 0.7, 0.7));

        assertThat(Verdict.of(comparison).getFirst().reasons())
            .containsExactly("its final accuracy is significantly lower");
    }

    @Test
    void shouldAlignTheTables() {
        FigureTable table = FigureTable.of(small).getFirst();

        assertThat(table.text().lines()).containsExactly("Held-out accuracy",
                "  preset             start   final  interval  less GRPO  interval         runs",
                "  grpo              25.0 %  56.7 %    ± 87.2          -         -            3",
                "  d3s               25.0 %  52.3 %    ± 83.4       -4.3    ± 12.7            3",
                "  d3s:rollouts=0.5       -       -         -          -         -  0, 1 failed");
    }

    @Test
    void shouldEstimateTheRemainingTime() {
        RemainingTime remaining = new RemainingTime();
        assertThat(remaining.of(List.of("grpo"))).isEmpty();
        remaining.took("supervised", 20);
        remaining.took("grpo", 40);
        assertThat(remaining.of(List.of("grpo", "d3s"))).as("40, and the mean of what is known").hasValue(70);
        remaining.took("grpo", 30);
        remaining.took("d3s", 10);
        assertThat(remaining.of(List.of("d3s", "supervised", "grpo", "d3s"))).hasValue(70);
    }

    /** The names are written out here, as for any client; these are the server's. */
    @ParameterizedTest
    @ValueSource(strings = {"accuracy", "gradient_norm", "advantage_variance", "advantage_variance_kept", "entropy",
            "kept_rollout_ratio", "kept_token_ratio", "generated_tokens", "trained_tokens", "skipped",
            "seconds_rollout", "seconds_grade", "seconds_select", "seconds_update", "seconds_refresh"})
    void shouldReadMetricsThatTheServerReports(String name) {
        assertThat(Arrays.stream(Metric.values()).map(Metric::key)).contains(name);
    }
}

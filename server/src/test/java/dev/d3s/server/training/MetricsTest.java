package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.advantage.Scale;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.training.ReinforcementSettings.EntropySource;
import dev.d3s.server.training.ReinforcementSettings.TokenNorm;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/** What a step reports, and what each option of the method does to it. */
class MetricsTest {
    /** Reported by the steps that evaluate. */
    private static final Set<Metric> EVALUATION = EnumSet.of(Metric.ACCURACY,
            Metric.ACCURACY_STANDARD_ERROR, Metric.VALIDATION_LOSS);

    @TempDir
    Path directory;

    private ShortRuns runs;

    @BeforeEach
    void write() throws IOException {
        runs = new ShortRuns(directory);
    }

    private RecordingObserver run(TestPlugins plugins, ReinforcementSettings settings) throws Exception {
        return run(plugins, settings, new RecordingObserver(directory.resolve("checkpoints")));
    }

    private RecordingObserver run(TestPlugins plugins, ReinforcementSettings settings, RecordingObserver observer)
            throws Exception {
        new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), plugins.registry())
            .run(runs.reinforcement(settings), observer);
        return observer;
    }

    /** The first training step of a run of one step. */
    private Step first(ShortRuns.Settings settings) throws Exception {
        return step(run(new TestPlugins(), settings.build()), 0);
    }

    private static Step step(RecordingObserver observer, int step) {
        return new Step(
                observer.reports.stream().filter(report -> report.step() == step).findFirst().orElseThrow().metrics());
    }

    private record Step(Map<String, Double> metrics) {
        double of(Metric metric) {
            return Objects.requireNonNull(metrics.get(metric.key()), metric.key());
        }
    }

    private static ShortRuns.Settings settings() {
        return ShortRuns.settings(1);
    }

    @Test
    void shouldReportThePartsOfRewardsAndTellGradersTheNumberOfTokens() throws Exception {
        RewardFunction tokens = new RewardFunction() {
            @Override
            public double score(RewardInput input) {
                return input.completionTokens();
            }

            @Override
            public Grade grade(RewardInput input) {
                return new Grade(score(input), Map.of("tokens", score(input)));
            }
        };
        Step first = step(run(new TestPlugins().grader("tokens", tokens),
                ShortRuns.settings(1).grader("tokens", 10).build()), 0);
        assertThat(first.metrics()).containsEntry("reward_part_tokens", first.of(Metric.COMPLETION_LENGTH_MEAN));
        assertThat(first.of(Metric.REWARD_MEAN)).as("the same sum in another order")
            .isCloseTo(first.of(Metric.COMPLETION_LENGTH_MEAN), within(1e-12 * first.of(Metric.REWARD_MEAN)));
    }

    @Test
    void shouldReportEveryMetricForEveryStepAndSkipWhatTeachesNothing() throws Exception {
        RecordingObserver observer = new RecordingObserver(directory.resolve("checkpoints"));
        // reports are written between steps: all rewards of step 1 are equal
        RewardFunction equalInStepOne = input -> observer.reports.size() == 2 ? 0.5 : TestPlugins.DIGITS.score(input);
        run(new TestPlugins().grader("sometimes", equalInStepOne),
                ShortRuns.settings(4).grader("sometimes", 10).build(), observer);

        assertThat(observer.reports).extracting(StepReport::step).containsExactly(-1, 0, 1, 2, 3);
        Set<String> every = Arrays.stream(Metric.values())
            .filter(metric -> !EVALUATION.contains(metric))
            .map(Metric::key)
            .collect(Collectors.toSet());
        for (int number = 0; number < 4; number++) {
            assertThat(step(observer, number).metrics().keySet()).as("step " + number).containsAll(every);
        }
        assertThat(observer.series(Metric.ACCURACY)).as("before, after step 1, at the end").hasSize(3);
        assertThat(observer.series(Metric.SKIPPED)).containsExactly(0.0, 1.0, 0.0, 0.0);
        assertThat(observer.series(Metric.POLICY_VERSION)).containsExactly(1.0, 1.0, 2.0, 3.0);

        Step skipped = step(observer, 1);
        assertThat(skipped.of(Metric.DEGENERATE_GROUP_RATIO)).isEqualTo(1);
        assertThat(skipped.of(Metric.REWARD_MEAN)).isEqualTo(0.5);
        assertThat(skipped.of(Metric.REWARD_STD)).isZero();
        assertThat(skipped.of(Metric.KEPT_ROLLOUTS)).isZero();
        assertThat(skipped.of(Metric.KEPT_TOKENS)).isZero();
        assertThat(skipped.of(Metric.COMPUTED_TOKENS)).isZero();
        assertThat(skipped.of(Metric.TRAINED_TOKENS)).isEqualTo(step(observer, 0).of(Metric.TRAINED_TOKENS));
        assertThat(skipped.of(Metric.GENERATED_TOKENS)).isGreaterThan(step(observer, 0).of(Metric.GENERATED_TOKENS));
        assertThat(skipped.of(Metric.ENTROPY)).isPositive();

        double trained = 0;
        double generated = 0;
        for (int number = 0; number < 4; number++) {
            Step step = step(observer, number);
            trained += step.of(Metric.KEPT_TOKENS);
            generated += step.of(Metric.COMPLETION_LENGTH_MEAN) * ShortRuns.ROLLOUTS;
            assertThat(step.of(Metric.TRAINED_TOKENS)).isEqualTo(trained);
            assertThat(step.of(Metric.GENERATED_TOKENS)).isCloseTo(generated, within(1e-6));
            assertThat(step.of(Metric.COMPLETION_LENGTH_MEAN)).isLessThanOrEqualTo(step.of(
                    Metric.COMPLETION_LENGTH_MAX));
            assertThat(step.of(Metric.COMPLETION_LENGTH_MAX)).isLessThanOrEqualTo(Runs.MAX_TOKENS);
            assertThat(step.of(Metric.UNGRADED_RATIO)).isZero();
            assertThat(step.of(Metric.ENGINE_GAP_MAX)).isLessThan(1e-4);
            assertThat(step.of(Metric.TOKENS_PER_SECOND)).isPositive();
            assertThat(step.of(Metric.SECONDS_ROLLOUT)).isPositive();
        }
        // from 25 % of the rollouts and 20 % of their tokens to 75 % and all of them
        Step early = step(observer, 0);
        assertThat(early.of(Metric.KEPT_ROLLOUTS)).isEqualTo((double) Math.round(0.25 * ShortRuns.ROLLOUTS));
        assertThat(early.of(Metric.KEPT_TOKEN_RATIO)).isBetween(0.2, 0.21);
        assertThat(early.of(Metric.USEFUL_RATIO_KEPT)).isEqualTo(1);
        assertThat(early.of(Metric.ADVANTAGE_VARIANCE_KEPT)).isGreaterThan(early.of(Metric.ADVANTAGE_VARIANCE));
        assertThat(early.of(Metric.ENTROPY_KEPT)).isPositive();
        assertThat(early.of(Metric.RATIO_MEAN)).isCloseTo(1, within(1e-6));
        assertThat(early.of(Metric.GRADIENT_NORM)).isPositive();
        assertThat(early.of(Metric.LEARNING_RATE)).isEqualTo(1e-3);
        Step late = step(observer, 3);
        assertThat(late.of(Metric.KEPT_ROLLOUTS)).isEqualTo((double) Math.round(0.75 * ShortRuns.ROLLOUTS));
        assertThat(late.of(Metric.KEPT_TOKEN_RATIO)).isEqualTo(1);
        assertThat(late.of(Metric.LEARNING_RATE)).isCloseTo(5e-4, within(1e-12));
    }

    @Test
    void shouldSkipEveryStepWhereNothingIsEverInformativeAndStillEnd() throws Exception {
        RecordingObserver observer = run(new TestPlugins().grader("equal", input -> 1),
                ShortRuns.settings(3).grader("equal", 10).build());
        assertThat(observer.series(Metric.SKIPPED)).containsExactly(1.0, 1.0, 1.0);
        assertThat(observer.series(Metric.TRAINED_TOKENS)).containsOnly(0.0);
        assertThat(observer.series(Metric.ACCURACY)).containsOnly(1.0);
        assertThat(observer.checkpoint(3)).isDirectory();
    }

    @Test
    void shouldScaleAdvantagesAsAsked() throws Exception {
        Step group = first(settings());
        Step batch = first(settings().scale(Scale.BATCH));
        Step none = first(settings().scale(Scale.NONE));
        assertThat(batch.of(Metric.REWARD_MEAN)).as("the same rollouts").isEqualTo(group.of(Metric.REWARD_MEAN));
        // unit variance in each group of 6, up to the ddof and epsilon
        assertThat(group.of(Metric.ADVANTAGE_VARIANCE)).isCloseTo(5.0 / 6, within(0.01));
        assertThat(batch.of(Metric.ADVANTAGE_VARIANCE)).isCloseTo(23.0 / 24, within(0.01));
        assertThat(none.of(Metric.ADVANTAGE_VARIANCE)).isLessThan(0.1);
        assertThat(none.of(Metric.GRADIENT_NORM)).isLessThan(batch.of(Metric.GRADIENT_NORM) / 2);
        assertThat(batch.of(Metric.GRADIENT_NORM)).isNotEqualTo(group.of(Metric.GRADIENT_NORM));
    }

    @Test
    void shouldTakeGroupsWithinTheRangeAsDegenerate() throws Exception {
        Step step = first(settings().minRange(1));
        assertThat(step.of(Metric.DEGENERATE_GROUP_RATIO)).isEqualTo(1);
        assertThat(step.of(Metric.USEFUL_RATIO)).isZero();
        assertThat(step.of(Metric.SKIPPED)).isEqualTo(1);
    }

    @Test
    void shouldAggregateTheLossAsAsked() throws Exception {
        Step grpo = first(settings());
        Step all = first(settings().norm(TokenNorm.ALL));
        Step dapo = first(settings().objective(ObjectiveSettings.Name.DAPO, 0, 2));
        Step dapoAll = first(settings().objective(ObjectiveSettings.Name.DAPO, 0, 2).norm(TokenNorm.ALL));
        for (Step step : List.of(all, dapo, dapoAll)) {
            assertThat(step.of(Metric.KEPT_TOKENS)).as("the same tokens").isEqualTo(grpo.of(Metric.KEPT_TOKENS));
        }
        // a fifth of the tokens is kept, so the denominator grows fivefold
        assertThat(dapoAll.of(Metric.GRADIENT_NORM) / dapo.of(Metric.GRADIENT_NORM))
            .isCloseTo(dapo.of(Metric.KEPT_TOKEN_RATIO), Percentage.withPercentage(0.1));
        assertThat(all.of(Metric.GRADIENT_NORM)).isLessThan(grpo.of(Metric.GRADIENT_NORM) / 2);
        assertThat(dapo.of(Metric.GRADIENT_NORM)).isNotEqualTo(grpo.of(Metric.GRADIENT_NORM));
    }

    /** In the first update ratios are 1: objectives with the same aggregation have the same gradient. */
    @Test
    void shouldTrainOnTheObjectiveThatIsAskedFor() throws Exception {
        Step grpo = first(settings());
        Step gspo = first(settings().objective(ObjectiveSettings.Name.GSPO, 0, 2));
        Step dapo = first(settings().objective(ObjectiveSettings.Name.DAPO, 0, 2));
        Step cispo = first(settings().objective(ObjectiveSettings.Name.CISPO, 0, 2));
        assertThat(gspo.of(Metric.GRADIENT_NORM))
            .isCloseTo(grpo.of(Metric.GRADIENT_NORM), Percentage.withPercentage(0.01));
        assertThat(cispo.of(Metric.GRADIENT_NORM))
            .isCloseTo(dapo.of(Metric.GRADIENT_NORM), Percentage.withPercentage(0.01));
        assertThat(cispo.of(Metric.LOSS)).isNotCloseTo(dapo.of(Metric.LOSS), within(1e-3));
        for (Step step : List.of(grpo, gspo, dapo, cispo)) {
            assertThat(step.of(Metric.RATIO_MEAN)).isEqualTo(1);
            assertThat(step.of(Metric.CLIP_FRACTION_LOW) + step.of(Metric.CLIP_FRACTION_HIGH)).isZero();
        }

        // a sum over kept tokens by a constant: the kept tokens by 6 rollouts of 34 tokens instead of by the kept tokens
        Step drGrpo = first(settings().objective(ObjectiveSettings.Name.DR_GRPO, 0, 2));
        assertThat(drGrpo.of(Metric.GRADIENT_NORM)).isCloseTo(
                dapo.of(Metric.GRADIENT_NORM) * drGrpo.of(Metric.KEPT_TOKENS)
                        / (drGrpo.of(Metric.KEPT_ROLLOUTS) * Runs.MAX_TOKENS),
                Percentage.withPercentage(0.01));
        Step fixed = first(settings().objective(ObjectiveSettings.Name.DR_GRPO, 0, 2).norm(TokenNorm.ALL));
        assertThat(fixed.of(Metric.GRADIENT_NORM)).as("tokens.norm has no effect")
            .isEqualTo(drGrpo.of(Metric.GRADIENT_NORM));
    }

    @Test
    void shouldRecomputeEntropiesWithTheTrainer() throws Exception {
        // the last step keeps all tokens, the first a fifth: which ones depends on the entropies
        Step rollout = first(settings());
        Step recomputed = first(settings().entropy(EntropySource.RECOMPUTE));
        assertThat(recomputed.of(Metric.KEPT_TOKENS)).isEqualTo(rollout.of(Metric.KEPT_TOKENS));
        assertThat(recomputed.of(Metric.ENTROPY_KEPT)).isCloseTo(rollout.of(Metric.ENTROPY_KEPT), within(1e-4))
            .isNotEqualTo(rollout.of(Metric.ENTROPY_KEPT));
        assertThat(recomputed.of(Metric.GRADIENT_NORM)).isCloseTo(rollout.of(Metric.GRADIENT_NORM),
                Percentage.withPercentage(5));
    }

    @Test
    void shouldSampleAndRankAtTheTemperature() throws Exception {
        Step warm = first(settings());
        Step cool = first(settings().temperature(0.5).entropy(EntropySource.RECOMPUTE));
        assertThat(cool.of(Metric.ENTROPY)).isLessThan(warm.of(Metric.ENTROPY));
        assertThat(cool.of(Metric.ENTROPY_KEPT)).isLessThan(warm.of(Metric.ENTROPY_KEPT));
        assertThat(cool.of(Metric.ENGINE_GAP_MAX)).as("the trainer scores at that temperature").isLessThan(1e-4);
    }

    @Test
    void shouldCorrectOrNotForTheGapBetweenTheEngines() throws Exception {
        Step corrected = first(settings());
        Step plain = first(settings().objective(ObjectiveSettings.Name.GRPO, 0, 0));
        assertThat(plain.of(Metric.GRADIENT_NORM))
            .isCloseTo(corrected.of(Metric.GRADIENT_NORM), Percentage.withPercentage(0.1));
        Step capped = first(settings().objective(ObjectiveSettings.Name.GRPO, 0, 0.5));
        assertThat(capped.of(Metric.GRADIENT_NORM)).as("every weight is capped at one half")
            .isCloseTo(plain.of(Metric.GRADIENT_NORM) / 2, Percentage.withPercentage(0.1));
    }

    @Test
    void shouldReportTheDivergenceFromTheReferencePolicy() throws Exception {
        RecordingObserver without = run(new TestPlugins(), ShortRuns.settings(3).build());
        RecordingObserver with = run(new TestPlugins(),
                ShortRuns.settings(3).objective(ObjectiveSettings.Name.GRPO, 1, 2).build());
        assertThat(without.series(Metric.KL)).containsOnly(0.0);
        assertThat(with.series(Metric.KL).getLast()).isGreaterThan(1e-5);
        assertThat(step(with, 2).of(Metric.REWARD_MEAN)).isNotEqualTo(step(without, 2).of(Metric.REWARD_MEAN));
    }

    @Test
    void shouldSelectAsTheSelectorsAreConfigured() throws Exception {
        Step cross = first(settings());
        Step pooled = first(settings()
            .rollouts(new PluginChoice("d3s-cross", Map.of("pool", "intra", "intra_keep", 0.34))));
        Step balanced = first(settings().rollouts(new PluginChoice("d3s-cross", Map.of("split", "balanced"))));
        Step intra = first(settings().rollouts(PluginChoice.of("d3s-intra")));
        Step everything = first(settings().rollouts(PluginChoice.of("all")).tokens(PluginChoice.of("all")));
        Step perRollout = first(
                settings().tokens(new PluginChoice("advantage-entropy", Map.of("scope", "rollout"))));

        double variance = cross.of(Metric.ADVANTAGE_VARIANCE_KEPT);
        for (Step other : List.of(pooled, balanced, intra, everything)) {
            assertThat(other.of(Metric.ADVANTAGE_VARIANCE_KEPT)).as("d3s-cross has the largest variance of all")
                .isLessThanOrEqualTo(variance);
        }
        assertThat(cross.of(Metric.KEPT_ROLLOUTS)).isEqualTo(6);
        assertThat(pooled.of(Metric.KEPT_ROLLOUTS)).isEqualTo(6);
        assertThat(balanced.of(Metric.KEPT_ROLLOUTS)).isEqualTo(6);
        assertThat(intra.of(Metric.KEPT_ROLLOUTS)).as("2 of each group of 6").isEqualTo(8);
        assertThat(everything.of(Metric.KEPT_ROLLOUTS)).isEqualTo(ShortRuns.ROLLOUTS);
        assertThat(everything.of(Metric.TRAINED_TOKENS)).isEqualTo(everything.of(Metric.GENERATED_TOKENS));
        assertThat(everything.of(Metric.COMPUTED_TOKENS)).isGreaterThan(3 * cross.of(Metric.COMPUTED_TOKENS));
        assertThat(perRollout.of(Metric.KEPT_TOKENS)).as("rounded up in each rollout")
            .isBetween(cross.of(Metric.KEPT_TOKENS), cross.of(Metric.KEPT_TOKENS) + 6);
        assertThat(perRollout.of(Metric.GRADIENT_NORM)).isNotEqualTo(cross.of(Metric.GRADIENT_NORM));
    }

    @Test
    void shouldComputeLessWhereOnlyPrefixesAreKept() throws Exception {
        Step random = first(settings().tokens(PluginChoice.of("random")));
        Step prefix = first(settings().tokens(PluginChoice.of("prefix")));
        assertThat(prefix.of(Metric.KEPT_ROLLOUTS)).isEqualTo(random.of(Metric.KEPT_ROLLOUTS));
        assertThat(prefix.of(Metric.COMPUTED_TOKENS)).isLessThan(0.8 * random.of(Metric.COMPUTED_TOKENS));
    }

    @Test
    void shouldFillUpWithWhatTeachesNothingWhenAsked() throws Exception {
        RecordingObserver filledRun = run(new TestPlugins().grader("equal", input -> 1), settings()
            .grader("equal", 10)
            .rollouts(new PluginChoice("d3s-cross", Map.of("fill_with_zero_advantage", true)))
            .build());
        Step filled = step(filledRun, 0);
        assertThat(filled.of(Metric.USEFUL_RATIO)).isZero();
        assertThat(filled.of(Metric.KEPT_ROLLOUTS)).isEqualTo(6);
        assertThat(filled.of(Metric.SKIPPED)).isZero();
        assertThat(filled.of(Metric.GRADIENT_NORM)).isZero();
    }
}

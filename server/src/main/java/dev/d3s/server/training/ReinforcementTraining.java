package dev.d3s.server.training;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.advantage.Advantages;
import dev.d3s.server.advantage.GroupRelativeAdvantage;
import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.reward.Grades;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.selection.KeptRollouts;
import dev.d3s.server.selection.KeptTokens;
import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.server.selection.RolloutLevel;
import dev.d3s.server.selection.TokenLevel;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.TokenBatch;

/**
 * THE loop: Dynamic Dual-Level Down-Sampling (D3S, arXiv 2509.22115) around a group-relative policy gradient (GRPO, arXiv
 * 2402.03300). A step samples G completions for each of P prompts, grades them, keeps the rollouts that maximise the
 * variance of the advantage, keeps of those the tokens with the largest |advantage| * entropy, and updates the policy. What
 * was dropped is never computed: it is not in what {@link Policy#update} gets.
 *
 * <p>
 * Where the paper is silent we decide, and each decision is an option of the job:
 * <ul>
 * <li>the advantages of a group whose rewards are all equal are exactly 0, not noise over its own deviation;
 * <li>a rollout whose grader failed has no reward: it leaves its group's statistics and is never kept;
 * <li>when fewer rollouts are informative than the keep ratio asks for, only those are kept, and when none is, the step is
 * skipped and counted;
 * <li>token entropies come from the rollout engine, which computes them while sampling;
 * <li>tokens are ranked over the whole batch, and dropped tokens do not count in the loss's denominator.
 * </ul>
 * A batch of rollouts is used for one update by default, on-policy, so that the ratio is 1; {@link PolicyUpdates} goes over
 * it more often when the job asks for it.
 *
 * <p>
 * Shapes: P prompts, G group size, R = P * G rollouts, K kept rollouts, T completion tokens. Runs on the caller's thread;
 * the parts, which {@link EngineTraining} opens and closes, have threads of their own.
 */
final class ReinforcementTraining {
    /**
     * What the loop works with.
     *
     * @param reference the starting policy, when there is a KL term
     */
    record Parts(TokenizedDataset dataset, Tokenizer tokenizer, RolloutEngine rolloutEngine, Grading grading,
            RolloutLevel rolloutLevel, TokenLevel tokenLevel, Policy policy, @Nullable ReferencePolicy reference,
            Evaluation evaluation) {}

    private final ReinforcementSettings settings;
    private final Parts parts;
    private final RunProgress progress;
    private final TrainingObserver observer;
    private final SamplingSettings sampling;
    private final PolicyUpdates updates;
    private final RolloutRecording recording;

    ReinforcementTraining(ReinforcementSettings settings, long seed, Parts parts, RunProgress progress,
            TrainingObserver observer) {
        this.settings = settings;
        this.parts = parts;
        this.progress = progress;
        this.observer = observer;
        this.sampling = SamplingSettings.of(settings.maxTokens(), settings.temperature(), seed);
        this.updates = new PolicyUpdates(settings, seed, parts.policy(), parts.reference(), progress);
        this.recording = new RolloutRecording(settings.recording(), settings.steps(), parts.tokenizer());
    }

    TrainingTotals run() throws TrainingStopped, IOException {
        progress.begin(parts.evaluation());
        for (int step = progress.completedSteps(); step < settings.steps(); step++) {
            progress.stopIfRequested();
            StepMetrics metrics = new StepMetrics();
            PhaseClock clock = new PhaseClock(observer, step);

            // P prompts, G completions each; finished groups are graded while others still generate
            List<TokenizedRow> rows = parts.dataset().next(step, settings.promptsPerStep());
            CompletionGrading grading = new CompletionGrading(parts.grading(), rows, parts.tokenizer(),
                    observer::stopRequested);
            Rollouts rollouts = Rollouts.of(parts.rolloutEngine().generate(requests(step, rows), sampling, grading));
            progress.generated(rollouts.tokenCount());
            clock.charge(Metric.SECONDS_ROLLOUT);
            Grades grades = grading.await();
            clock.charge(Metric.SECONDS_GRADE);
            if (grades.ungraded() > 0) {
                observer.message("Step " + step + ": " + grades.ungraded() + " of " + grades.rollouts()
                        + " completions have no reward; the first: " + grades.firstError());
            }

            // advantages over all rollouts of each group, before anything is dropped
            double[] reward = Arrays.stream(grades.reward()).flatMapToDouble(Arrays::stream).toArray(); // [R]
            Advantages advantages = GroupRelativeAdvantage.of(reward, rollouts.group(), rollouts.groupCount(),
                    settings.advantageScale(), settings.advantageMinRange());

            // level 1: whole rollouts
            KeptRollouts kept = parts.rolloutLevel()
                .select(step, new RolloutBatch(rollouts.group(),
                        rollouts.groupCount(), reward, advantages.advantage(), rollouts.lengths()));
            clock.charge(Metric.SECONDS_SELECT);
            reportRollouts(metrics, rollouts, grades, advantages, kept);

            OptimizerStep optimizer = settings.optimizer().stepAt(step, settings.steps());
            TokenBatch candidates = null;
            KeptTokens tokens = null;
            if (kept.size() > 0) {
                // level 2: tokens of the kept rollouts
                candidates = tokenBatch(rollouts, kept);
                tokens = parts.tokenLevel().select(step, candidates);
                clock.charge(Metric.SECONDS_SELECT);

                // the updates compute what was kept and nothing else
                UpdateReport update = updates.run(step, optimizer, rollouts, kept, tokens);
                clock.charge(Metric.SECONDS_UPDATE);
                reportUpdate(metrics, tokens, update);

                // the rollout engine reads the trainer's weights
                parts.rolloutEngine().refresh();
                clock.charge(Metric.SECONDS_REFRESH);
            } else {
                reportSkipped(metrics);
            }

            metrics.set(Metric.TRAINED_TOKENS, progress.trainedTokens())
                .set(Metric.GENERATED_TOKENS, progress.generatedTokens())
                .set(Metric.LEARNING_RATE, optimizer.learningRate())
                .set(Metric.TOKENS_PER_SECOND, rollouts.tokenCount() / clock.total())
                .set(Metric.POLICY_VERSION, parts.policy().version());
            progress.selected(SelectorMemories.of(parts.rolloutLevel(), parts.tokenLevel()));
            // a few rollouts, so that people can see what was kept and dropped
            List<RecordedRollout> recorded = recording.of(step,
                    new RolloutRecording.Step(rows, rollouts, grades, advantages, kept, candidates, tokens));
            if (progress.evaluationDue(step)) {
                progress.evaluating(step, metrics, clock, recorded);
                parts.evaluation().run(metrics);
                clock.charge(Metric.SECONDS_EVAL);
            }
            progress.completed(step, metrics, clock, recorded);
        }
        return progress.totals();
    }

    private List<GenerationRequest> requests(int step, List<TokenizedRow> rows) {
        return IntStream.range(0, rows.size())
            .mapToObj(prompt -> new GenerationRequest(rows.get(prompt).prompt(),
                    IntStream.range(0, settings.groupSize())
                        .mapToLong(index -> RolloutIdentity.of(step, prompt, index))
                        .toArray()))
            .toList();
    }

    /** The completions of the kept rollouts, [K][T], with the entropies that rank their tokens. */
    private TokenBatch tokenBatch(Rollouts rollouts, KeptRollouts kept) {
        List<Completion> completions = Arrays.stream(kept.kept()).mapToObj(rollouts.completion()::get).toList();
        float[][] entropy = switch (settings.entropySource()) {
            case ROLLOUT -> completions.stream().map(Completion::entropies).toArray(float[][]::new);
            case RECOMPUTE -> entropies(rollouts, kept.kept());
        };
        int[] group = Arrays.stream(kept.kept()).map(rollout -> rollouts.group()[rollout]).toArray();
        return new TokenBatch(group, kept.advantage(), entropy,
                completions.stream().map(Completion::logprobs).toArray(float[][]::new));
    }

    private float[][] entropies(Rollouts rollouts, int[] chosen) {
        return parts.policy()
            .score(Arrays.stream(chosen).mapToObj(rollouts::tokens).toList(),
                    Arrays.stream(chosen).map(rollout -> rollouts.prompt().get(rollout).length).toArray(),
                    settings.temperature())
            .stream()
            .map(TokenScores::entropies)
            .toArray(float[][]::new);
    }

    private static void reportRollouts(StepMetrics metrics, Rollouts rollouts, Grades grades, Advantages advantages,
            KeptRollouts kept) {
        metrics.set(Metric.REWARD_MEAN, advantages.rewardMean())
            .set(Metric.REWARD_STD, advantages.rewardStd())
            .set(Metric.UNGRADED_RATIO, advantages.ungradedRatio())
            .set(Metric.DEGENERATE_GROUP_RATIO, advantages.degenerateRatio())
            .set(Metric.USEFUL_RATIO, kept.usefulRatio())
            .set(Metric.USEFUL_RATIO_KEPT, kept.usefulRatioKept())
            .set(Metric.ADVANTAGE_VARIANCE, kept.advantageVariance())
            .set(Metric.ADVANTAGE_VARIANCE_KEPT, kept.advantageVarianceKept())
            .set(Metric.KEPT_ROLLOUTS, kept.size())
            .set(Metric.KEPT_ROLLOUT_RATIO, kept.keptRatio())
            .set(Metric.ENTROPY, TokenLevel.meanEntropy(rollouts.entropies()))
            .set(Metric.COMPLETION_LENGTH_MEAN, (double) rollouts.tokenCount() / rollouts.size())
            .set(Metric.COMPLETION_LENGTH_MAX, Arrays.stream(rollouts.lengths()).max().orElse(0))
            .set(Metric.TRUNCATED_RATIO, rollouts.truncatedRatio());
        grades.parts().forEach((name, mean) -> metrics.set("reward_part_" + name, mean));
        kept.metrics().forEach((name, value) -> metrics.set("rollout_selector_" + name, value));
    }

    private static void reportUpdate(StepMetrics metrics, KeptTokens tokens, UpdateReport update) {
        metrics.set(Metric.SKIPPED, 0)
            .set(Metric.KEPT_TOKENS, tokens.keptCount())
            .set(Metric.KEPT_TOKEN_RATIO, tokens.keptRatio())
            .set(Metric.COMPUTED_TOKENS, update.computedTokens())
            .set(Metric.UPDATES, update.updates())
            .set(Metric.LOSS, update.loss())
            .set(Metric.GRADIENT_NORM, update.gradientNorm())
            .set(Metric.ENTROPY_KEPT, tokens.entropyMeanKept())
            .set(Metric.CLIP_FRACTION_LOW, update.clipFractionLow())
            .set(Metric.CLIP_FRACTION_HIGH, update.clipFractionHigh())
            .set(Metric.KL, update.kl())
            .set(Metric.RATIO_MEAN, update.ratioMean())
            .set(Metric.RATIO_MAX, update.ratioMax())
            .set(Metric.ENGINE_GAP_MEAN, update.engineGapMean())
            .set(Metric.ENGINE_GAP_MAX, update.engineGapMax());
        tokens.metrics().forEach((name, value) -> metrics.set("token_selector_" + name, value));
    }

    /** A step without an update has done nothing to the policy: all of its update metrics are 0, its ratio 1. */
    private static void reportSkipped(StepMetrics metrics) {
        for (Metric metric : List.of(Metric.KEPT_TOKENS, Metric.KEPT_TOKEN_RATIO, Metric.COMPUTED_TOKENS,
                Metric.UPDATES,
                Metric.LOSS,
                Metric.GRADIENT_NORM, Metric.ENTROPY_KEPT, Metric.CLIP_FRACTION_LOW, Metric.CLIP_FRACTION_HIGH,
                Metric.KL, Metric.ENGINE_GAP_MEAN, Metric.ENGINE_GAP_MAX)) {
            metrics.set(metric, 0);
        }
        metrics.set(Metric.SKIPPED, 1).set(Metric.RATIO_MEAN, 1).set(Metric.RATIO_MAX, 1);
    }
}

package dev.d3s.server.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.rollout.RolloutEngine;

/**
 * Supervised fine-tuning: cross-entropy on the completion tokens of each row, averaged over all completion tokens of the
 * step. It gives a base model the first skill without which no rollout is ever rewarded. Same thread, checkpoints and
 * reports as {@link ReinforcementTraining}.
 */
final class SupervisedTraining {
    private final SupervisedSettings settings;
    private final Policy policy;
    private final TokenizedDataset dataset;
    private final RolloutEngine rolloutEngine;
    private final Evaluation evaluation;
    private final RunProgress progress;
    private final TrainingObserver observer;

    SupervisedTraining(SupervisedSettings settings, Policy policy, TokenizedDataset dataset,
            RolloutEngine rolloutEngine, Evaluation evaluation, RunProgress progress, TrainingObserver observer) {
        this.settings = settings;
        this.policy = policy;
        this.dataset = dataset;
        this.rolloutEngine = rolloutEngine;
        this.evaluation = evaluation;
        this.progress = progress;
        this.observer = observer;
    }

    TrainingTotals run() throws TrainingStopped, IOException {
        progress.begin(evaluation);
        for (int step = progress.completedSteps(); step < settings.steps(); step++) {
            progress.stopIfRequested();
            StepMetrics metrics = new StepMetrics();
            PhaseClock clock = new PhaseClock(observer, step);

            List<TrainingSequence> sequences = sequences(dataset.next(step, settings.batchSize()));
            OptimizerStep optimizer = settings.optimizer().stepAt(step, settings.steps());
            UpdateReport update = policy.update(sequences, new Objective.CrossEntropy(), optimizer);
            progress.updated();
            progress.trained(update.keptTokens());
            clock.charge(Metric.SECONDS_UPDATE);

            metrics.set(Metric.LOSS, update.loss())
                .set(Metric.GRADIENT_NORM, update.gradientNorm())
                .set(Metric.KEPT_TOKENS, update.keptTokens())
                .set(Metric.COMPUTED_TOKENS, update.computedTokens())
                .set(Metric.TRAINED_TOKENS, progress.trainedTokens())
                .set(Metric.LEARNING_RATE, optimizer.learningRate())
                .set(Metric.POLICY_VERSION, update.policyVersion())
                .set(Metric.TOKENS_PER_SECOND, update.keptTokens() / clock.total());
            if (progress.evaluationDue(step)) {
                rolloutEngine.refresh();
                progress.evaluating(step, metrics, clock, List.of());
                evaluation.run(metrics);
                clock.charge(Metric.SECONDS_EVAL);
            }
            progress.completed(step, metrics, clock);
        }
        return progress.totals();
    }

    /** Each token of the step that is to be imitated weighs the same. */
    static List<TrainingSequence> sequences(List<TokenizedRow> rows) {
        long tokens = rows.stream().mapToLong(TokenizedRow::imitatedTokens).sum();
        List<TrainingSequence> sequences = new ArrayList<>();
        for (TokenizedRow row : rows) {
            int[] completion = Objects.requireNonNull(row.completion());
            int[] both = Arrays.copyOf(row.prompt(), row.prompt().length + completion.length);
            System.arraycopy(completion, 0, both, row.prompt().length, completion.length);
            float[] weight = new float[completion.length];
            boolean[] imitated = row.imitated();
            for (int t = 0; t < weight.length; t++) {
                weight[t] = imitated == null || imitated[t] ? 1f / tokens : 0;
            }
            sequences.add(new TrainingSequence(both, row.prompt().length, 0, weight, null, null, null));
        }
        return sequences;
    }
}

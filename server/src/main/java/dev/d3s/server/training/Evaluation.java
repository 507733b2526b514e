package dev.d3s.server.training;

import java.util.Arrays;
import java.util.List;

import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.policy.LogprobScorer;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * How good the policy is on rows it is not trained on: the mean reward of greedy completions, and the cross-entropy of the
 * rows' completions where they have some. Between steps, on the training thread; the engine must have the policy's present
 * weights.
 */
final class Evaluation {
    private final List<TokenizedRow> rows;
    private final RolloutEngine rolloutEngine;
    private final LogprobScorer policy;
    private final Tokenizer tokenizer;
    private final Grading grading;
    private final int maxTokens;

    /** @param rows none to evaluate nothing */
    Evaluation(List<TokenizedRow> rows, RolloutEngine rolloutEngine, LogprobScorer policy, Tokenizer tokenizer,
            Grading grading, int maxTokens) {
        this.rows = rows;
        this.rolloutEngine = rolloutEngine;
        this.policy = policy;
        this.tokenizer = tokenizer;
        this.grading = grading;
        this.maxTokens = maxTokens;
    }

    /** Reports step -1: what the policy can do before it is trained. */
    void beforeTraining(int totalSteps, TrainingObserver observer) {
        PhaseClock clock = new PhaseClock();
        StepMetrics metrics = new StepMetrics();
        run(metrics);
        clock.charge(Metric.SECONDS_EVAL);
        observer.report(new StepReport(-1, totalSteps, metrics.seconds(clock).byKey()));
    }

    /**
     * Adds {@link Metric#ACCURACY} and, where rows have completions, {@link Metric#VALIDATION_LOSS}. Runs to its end even when
     * the job is to stop: the step it belongs to has changed the weights and must be completed.
     */
    void run(StepMetrics metrics) {
        if (rows.isEmpty()) {
            return;
        }
        List<GenerationRequest> requests = rows.stream()
            .map(row -> new GenerationRequest(row.prompt(), new long[1]))
            .toList();
        CompletionGrading graded = new CompletionGrading(grading, rows, tokenizer, () -> false);
        rolloutEngine.generate(requests, SamplingSettings.greedy(maxTokens), graded);
        double[][] reward = graded.await().reward();
        metrics.set(Metric.ACCURACY, Arrays.stream(reward)
            .flatMapToDouble(Arrays::stream)
            .filter(Double::isFinite)
            .average()
            .orElse(Double.NaN));
        metrics.set(Metric.VALIDATION_LOSS, loss());
    }

    /** Mean of -log p over all completion tokens; NaN when there are none. */
    private double loss() {
        List<TrainingSequence> sequences = SupervisedTraining
            .sequences(rows.stream().filter(row -> row.completion() != null).toList());
        if (sequences.isEmpty()) {
            return Double.NaN;
        }
        List<TokenScores> scores = policy.score(sequences.stream().map(TrainingSequence::tokens).toList(),
                sequences.stream().mapToInt(TrainingSequence::promptLength).toArray(), 1);
        double sum = 0;
        long count = 0;
        for (TokenScores score : scores) {
            for (float logprob : score.logprobs()) {
                sum -= logprob;
                count++;
            }
        }
        return sum / count;
    }
}

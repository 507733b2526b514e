package dev.d3s.server.training;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.evaluation.Estimate;
import dev.d3s.server.evaluation.SampledScores;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.policy.LogprobScorer;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * How good the policy is on rows it is not trained on: the mean reward of greedy completions, Avg@n and pass@k from sampled
 * ones, and the cross-entropy of the rows' completions where they have some. Between steps, on the training thread; the engine
 * must have the policy's present weights.
 *
 * <p>
 * Sampled completions have identities that no training step has, the same in each evaluation: so an evaluation takes no random
 * number from training, and two evaluations of a run differ by the policy alone.
 */
final class Evaluation {
    /** The step in the identities of sampled completions: that of the evaluation before training. */
    private static final int NO_STEP = -1;
    /** Completions that one call of the engine keeps in memory. */
    static final int COMPLETIONS_AT_ONCE = 4096;

    private final List<TokenizedRow> rows;
    private final EvaluationSettings settings;
    private final long seed;
    private final RolloutEngine rolloutEngine;
    private final LogprobScorer policy;
    private final Tokenizer tokenizer;
    private final Grading grading;
    private final int maxTokens;
    private final BooleanSupplier stopRequested;

    /**
     * @param rows none to evaluate nothing
     * @param seed the job's
     * @param stopRequested abandons an evaluation with a {@link java.util.concurrent.CancellationException}
     */
    Evaluation(List<TokenizedRow> rows, EvaluationSettings settings, long seed, RolloutEngine rolloutEngine,
            LogprobScorer policy, Tokenizer tokenizer, Grading grading, int maxTokens,
            BooleanSupplier stopRequested) {
        this.rows = rows;
        this.settings = settings;
        this.seed = seed;
        this.rolloutEngine = rolloutEngine;
        this.policy = policy;
        this.tokenizer = tokenizer;
        this.grading = grading;
        this.maxTokens = maxTokens;
        this.stopRequested = stopRequested;
    }

    /**
     * Adds {@link Metric#ACCURACY}, the scores of sampled completions where there are some, and, where rows have completions,
     * {@link Metric#VALIDATION_LOSS}. The same weights give the same figures, so an abandoned one can be made anew by the run
     * that goes on.
     */
    void run(StepMetrics metrics) {
        if (rows.isEmpty()) {
            return;
        }
        Estimate accuracy = new Estimate();
        for (double[] reward : rewards(1, SamplingSettings.greedy(maxTokens))) {
            accuracy.add(reward[0]);
        }
        metrics.set(Metric.ACCURACY, accuracy.mean()).set(Metric.ACCURACY_STANDARD_ERROR, accuracy.standardError());
        int n = settings.sampled().n();
        if (n > 0) {
            SampledScores scores = new SampledScores(settings.sampled());
            for (double[] reward : rewards(n, SamplingSettings.of(maxTokens, settings.temperature(), seed))) {
                scores.add(reward);
            }
            scores.metrics().forEach(metrics::set);
        }
        metrics.set(Metric.VALIDATION_LOSS, loss());
    }

    /** @return {@code [rows][n]}, NaN where a grader failed */
    private double[][] rewards(int n, SamplingSettings sampling) {
        CompletionGrading graded = new CompletionGrading(grading, rows, tokenizer, stopRequested);
        int atOnce = Math.max(1, COMPLETIONS_AT_ONCE / n);
        for (int first = 0; first < rows.size(); first += atOnce) {
            List<GenerationRequest> requests = IntStream.range(first, Math.min(rows.size(), first + atOnce))
                .mapToObj(row -> new GenerationRequest(rows.get(row).prompt(),
                        IntStream.range(0, n).mapToLong(index -> RolloutIdentity.of(NO_STEP, row, index)).toArray()))
                .toList();
            rolloutEngine.generate(requests, sampling, graded.from(first));
        }
        return graded.await().reward();
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

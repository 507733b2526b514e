package dev.d3s.server.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.TokenScores;
import dev.d3s.server.policy.LogprobScorer;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.selection.KeptRollouts;
import dev.d3s.server.selection.KeptTokens;
import dev.d3s.server.selection.LossWeights;
import dev.d3s.server.selection.MiniBatches;

/**
 * The update of one step: goes over what was kept {@code iterations} times, in {@code mini_batches} parts, with one
 * optimizer step for each part. Follows token selection in {@link ReinforcementTraining}, on its thread; nothing to close.
 *
 * <p>
 * The denominators of a loss are those of its mini-batch. The first update has the weights that the step began with, so its
 * ratios are 1 and cost nothing; for the later ones the trainer scores what they need of the kept rollouts before the first
 * (oldLogprobs). Ours: oldLogprobs are the trainer's, not the rollout engine's, whose difference is the truncated importance
 * correction's.
 *
 * <p>
 * A request to stop abandons an update between two micro-batches. Where an earlier update of the step has changed the weights
 * already, the run goes back to its last checkpoint: a checkpoint lies between steps.
 */
final class PolicyUpdates {
    private final ReinforcementSettings settings;
    private final long seed;
    private final Policy policy;
    private final @Nullable ReferencePolicy reference;
    private final RunProgress progress;
    private final Objective objective;

    PolicyUpdates(ReinforcementSettings settings, long seed, Policy policy, @Nullable ReferencePolicy reference,
            RunProgress progress) {
        this.settings = settings;
        this.seed = seed;
        this.policy = policy;
        this.reference = reference;
        this.progress = progress;
        this.objective = settings.objective().objective(settings.temperature());
    }

    /** What a step trains on; rows are those of the kept rollouts, [K]. */
    private record Batch(Rollouts rollouts, KeptRollouts kept, KeptTokens tokens) {
        int rollout(int row) {
            return kept.kept()[row];
        }

        int promptLength(int row) {
            return rollouts.prompt().get(rollout(row)).length;
        }
    }

    /**
     * @param kept at least one rollout
     * @param tokens at least one of theirs
     */
    UpdateReport run(int step, OptimizerStep optimizer, Rollouts rollouts, KeptRollouts kept, KeptTokens tokens) {
        Batch batch = new Batch(rollouts, kept, tokens);
        List<int[]> miniBatches = IntStream.range(0, settings.updates().iterations())
            .mapToObj(iteration -> MiniBatches.of(tokens.kept(), settings.updates().miniBatches(), seed, step,
                    iteration))
            .flatMap(List::stream)
            .toList();
        float @Nullable [][] referenceLogprobs = reference == null ? null : score(reference, batch, tokens.kept());
        float @Nullable [][] oldLogprobs = miniBatches.size() == 1
                ? null
                : score(policy, batch, neededLater(tokens.kept(), miniBatches));
        List<UpdateReport> reports = new ArrayList<>();
        for (int[] rows : miniBatches) {
            // the first update begins where oldLogprobs were scored
            List<TrainingSequence> sequences = sequences(batch, rows, reports.isEmpty() ? null : oldLogprobs,
                    referenceLogprobs);
            UpdateReport report = policy.update(sequences, objective, optimizer);
            progress.updated();
            progress.trained(report.keptTokens());
            reports.add(report);
        }
        return UpdateReport.together(reports);
    }

    /** Tokens whose oldLogprobs an update after the first looks at: kept ones, or whole completions for a sequence's ratio. */
    private boolean[][] neededLater(boolean[][] kept, List<int[]> miniBatches) {
        boolean[][] needed = new boolean[kept.length][];
        for (int row = 0; row < kept.length; row++) {
            needed[row] = new boolean[kept[row].length];
        }
        for (int[] rows : miniBatches.subList(1, miniBatches.size())) {
            for (int row : rows) {
                for (int token = 0; token < kept[row].length; token++) {
                    needed[row][token] = kept[row][token];
                    if (kept[row][token] && objective instanceof Objective.SequenceRatio) {
                        Arrays.fill(needed[row], true);
                        break;
                    }
                }
            }
        }
        return needed;
    }

    /** {@code [K][T]} at the settings' temperature. */
    private float[][] score(LogprobScorer scorer, Batch batch, boolean[][] chosen) {
        int[] rows = IntStream.range(0, batch.kept.size()).toArray();
        return scorer
            .score(Arrays.stream(rows).mapToObj(row -> batch.rollouts.tokens(batch.rollout(row))).toList(),
                    Arrays.stream(rows).map(batch::promptLength).toArray(), chosen, settings.temperature())
            .stream()
            .map(TokenScores::logprobs)
            .toArray(float[][]::new);
    }

    /** The rollouts of a mini-batch that have a kept token, as the trainer takes them. */
    private List<TrainingSequence> sequences(Batch batch, int[] rows, float @Nullable [][] oldLogprobs,
            float @Nullable [][] referenceLogprobs) {
        float @Nullable [][] weight = batch.tokens.weight();
        LossWeights weights = LossWeights.of(
                Arrays.stream(rows).mapToObj(row -> batch.tokens.kept()[row]).toArray(boolean[][]::new),
                weight == null ? null : Arrays.stream(rows).mapToObj(row -> weight[row]).toArray(float[][]::new),
                settings.objective().aggregation(settings.tokenNorm().denominator(), settings.maxTokens()));
        List<TrainingSequence> sequences = new ArrayList<>();
        for (int index : weights.trained()) {
            int row = rows[index];
            int rollout = batch.rollout(row);
            sequences.add(new TrainingSequence(batch.rollouts.tokens(rollout), batch.promptLength(row),
                    batch.kept.advantage()[row], weights.weight()[index],
                    batch.rollouts.completion().get(rollout).logprobs(), oldLogprobs == null ? null : oldLogprobs[row],
                    referenceLogprobs == null ? null : referenceLogprobs[row]));
        }
        return sequences;
    }
}

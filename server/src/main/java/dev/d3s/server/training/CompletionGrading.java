package dev.d3s.server.training;

import java.util.List;
import java.util.function.BooleanSupplier;

import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.reward.Grades;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.spi.RewardInput;

/**
 * Hands completions to the grader as text as soon as their group is finished, so that grading overlaps with generation.
 * One object per call of the rollout engine, which calls {@link #finished} on its threads.
 */
final class CompletionGrading implements GenerationListener {
    private final Grading.Round round;
    private final List<TokenizedRow> rows;
    private final Tokenizer tokenizer;
    private final BooleanSupplier stopRequested;

    CompletionGrading(Grading grading, List<TokenizedRow> rows, Tokenizer tokenizer, BooleanSupplier stopRequested) {
        this.round = grading.begin();
        this.rows = rows;
        this.tokenizer = tokenizer;
        this.stopRequested = stopRequested;
    }

    @Override
    public void finished(int request, CompletionGroup group) {
        round.submit(request, group.completions().stream().map(one -> input(rows.get(request), one)).toList());
    }

    /** Hears one of several calls of the rollout engine that share the rows out: the one that begins with this row. */
    GenerationListener from(int firstRow) {
        return new GenerationListener() {
            @Override
            public void finished(int request, CompletionGroup group) {
                CompletionGrading.this.finished(firstRow + request, group);
            }

            @Override
            public boolean cancelled() {
                return CompletionGrading.this.cancelled();
            }
        };
    }

    @Override
    public boolean cancelled() {
        return stopRequested.getAsBoolean();
    }

    /** Rewards by group, NaN where a grader failed. */
    Grades await() {
        return round.await(stopRequested);
    }

    private RewardInput input(TokenizedRow row, Completion completion) {
        return new RewardInput(row.row().prompt(), tokenizer.decodeContinuation(completion.tokens()),
                completion.finishReason() == FinishReason.LENGTH, row.row().item(),
                completion.tokens().length);
    }
}

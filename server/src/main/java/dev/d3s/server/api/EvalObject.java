package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.eval.Eval;
import dev.d3s.server.eval.EvalService;
import dev.d3s.server.evaluation.EvaluatedRow;
import dev.d3s.server.spec.EvalSpec;

/** {@code eval.run}: an evaluation with everything that was filled in. Times are seconds. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "EvalRun")
record EvalObject(String id, String object, long createdAt, @Nullable Long startedAt, @Nullable Long finishedAt,
        String status, @Nullable ErrorMember error, Progress progress,
        @Schema(implementation = Object.class, description = "figures of the rows that are done; null before there are some") @Nullable JsonNode results,
        String model, String file,
        @Schema(implementation = Object.class) JsonNode grader, int samples, boolean greedy, int n, List<Integer> k,
        double passThreshold, @Schema(implementation = Object.class) JsonNode sampling,
        @Schema(implementation = Object.class) JsonNode grading, long seed, Map<String, String> metadata) {

    @Schema(name = "EvalRunError")
    record ErrorMember(String code, String message) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "EvalRunProgress")
    record Progress(int completedRows, int totalRows) {}

    static EvalObject of(Eval eval) {
        EvalSpec spec = eval.spec();
        Eval.EvalError error = eval.error();
        return new EvalObject(eval.id(), "eval.run", eval.createdAt() / 1000, Wire.seconds(eval.startedAt()),
                Wire.seconds(eval.finishedAt()), eval.status().key(),
                error == null ? null : new ErrorMember(error.code(), error.message()),
                new Progress(eval.completedRows(), eval.totalRows()), eval.results(), spec.model(), spec.file(),
                spec.request().path("grader"), spec.samples(), spec.greedy(), spec.sampled().n(), spec.sampled().k(),
                spec.sampled().passThreshold(), spec.request().path("sampling"), spec.request().path("grading"),
                spec.sampling().seed(), spec.metadata());
    }

    /** {@code eval.run.result}: one row of the dataset. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "EvalRunResult")
    record RowObject(String id, String object, int row, int line, String prompt, int promptTokens,
            @Schema(implementation = Object.class) Map<String, Object> item, List<CompletionObject> completions) {
        static RowObject of(EvaluatedRow row, EvalSpec spec) {
            List<CompletionObject> completions = new ArrayList<>();
            int sampled = 0;
            for (EvaluatedRow.Completion one : row.completions()) {
                boolean graded = Double.isFinite(one.reward());
                completions.add(new CompletionObject(one.greedy() ? null : sampled++, one.greedy(), one.text(),
                        one.tokens(), one.truncated() ? "length" : "stop", graded ? one.reward() : null,
                        graded ? spec.sampled().passes(one.reward()) : null, one.error(), one.parts()));
            }
            return new RowObject(EvalService.rowId(row), "eval.run.result", row.index(), row.line(), row.prompt(),
                    row.promptTokens(), row.item(), completions);
        }
    }

    /**
     * One completion.
     *
     * @param index among the sampled ones
     */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "EvalRunCompletion")
    record CompletionObject(@JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer index, boolean greedy,
            String text, int completionTokens, String finishReason, @Nullable Double reward,
            @Nullable Boolean passed, @Nullable String error,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) Map<String, Double> rewardParts) {}
}

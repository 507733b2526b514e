package dev.d3s.server.eval;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.spec.EvalSpec;

/**
 * An evaluation as it is now. Times are milliseconds since 1970.
 *
 * @param id {@code eval-...}; ids rise with time
 * @param organization that it belongs to
 * @param epoch rises with each start of a run; a run writes only while its epoch is the evaluation's
 * @param totalRows rows it looks at
 * @param completedRows rows whose results are stored
 * @param seconds that its runs have taken
 * @param startedAt when its first run began
 * @param results figures of the completed rows; {@code null} before there are some
 */
public record Eval(String id, String organization, long createdAt, EvalStatus status, EvalSpec spec, long epoch,
        int totalRows, int completedRows, double seconds, @Nullable Long startedAt, @Nullable Long finishedAt,
        @Nullable JsonNode results, @Nullable EvalError error) {
    /** Why an evaluation failed. */
    public record EvalError(String code, String message) {}
}

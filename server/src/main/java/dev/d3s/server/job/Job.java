package dev.d3s.server.job;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.spec.JobSpec;

/**
 * A job as it is now. Times are milliseconds since 1970.
 *
 * @param id {@code ftjob-...}; ids rise with time
 * @param organization that it belongs to
 * @param epoch rises with each start of a run; a run writes only while its epoch is the job's
 * @param completedSteps steps whose results are stored
 * @param runStartedAt when the current or last run began
 * @param estimatedFinish when a running job should end; {@code null} when nobody knows
 * @param trainedTokens tokens with a loss term so far
 * @param fineTunedModel id of the resulting model
 * @param server who runs it, or ran it last
 * @param permit under which its run lives
 * @param modelStep the checkpoint that is the resulting model; {@code null} before the end, and once it was deleted
 */
public record Job(String id, String organization, long createdAt, JobStatus status, JobSpec spec, long epoch,
        int completedSteps, @Nullable Long runStartedAt, @Nullable Long estimatedFinish, @Nullable Long finishedAt,
        @Nullable Long trainedTokens, @Nullable String fineTunedModel, @Nullable Integer modelStep,
        @Nullable JobError error, @Nullable String server, @Nullable String permit) {
    /** Why a job failed. */
    public record JobError(String code, String message, @Nullable String param) {}

    /** Steps that make the job complete. */
    public int totalSteps() {
        return spec.settings().steps();
    }
}

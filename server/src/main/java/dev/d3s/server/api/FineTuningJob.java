package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.job.Job;

/** {@code fine_tuning.job}. Every member is always present: typed clients throw on a missing one. Times are seconds. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "FineTuningJob")
record FineTuningJob(String id, String object, long createdAt, @Nullable ErrorMember error, @Nullable Long finishedAt,
        @Nullable String fineTunedModel, Hyperparameters hyperparameters, String model, String organizationId,
        List<String> resultFiles, long seed, String status, @Nullable Long trainedTokens, String trainingFile,
        @Nullable String validationFile, @Nullable Long estimatedFinish,
        @Schema(implementation = Object[].class, description = "the trackers that its metrics go to") List<JsonNode> integrations,
        Map<String, String> metadata,
        @Schema(implementation = Object.class, description = "what the job does, every default filled in") JsonNode method,
        @Nullable String suffix, Progress d3s) {

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobError")
    record ErrorMember(String code, String message, @Nullable String param) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobHyperparameters")
    record Hyperparameters(int nEpochs, int batchSize, double learningRateMultiplier) {}

    /** How far it is; ours. The steps are null until somebody has counted the rows that they follow from. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobProgress")
    record Progress(int completedSteps, @Nullable Integer totalSteps) {}

    static FineTuningJob of(Job job) {
        Job.JobError error = job.error();
        return new FineTuningJob(job.id(), "fine_tuning.job", job.createdAt() / 1000,
                error == null ? null : new ErrorMember(error.code(), error.message(), error.param()),
                Wire.seconds(job.finishedAt()), job.fineTunedModel(),
                new Hyperparameters(job.spec().hyperparameters().epochs(), job.spec().hyperparameters().batchSize(),
                        job.spec().hyperparameters().learningRateMultiplier()),
                job.spec().model(), job.organization(), List.of(), job.spec().seed(), job.status().key(),
                job.trainedTokens(), job.spec().trainingFile(), job.spec().validationFile(),
                Wire.seconds(job.estimatedFinish()), integrations(job), job.spec().metadata(),
                job.spec().request().path("method"), job.spec().suffix(),
                new Progress(job.completedSteps(), job.spec().counted() ? job.totalSteps() : null));
    }

    private static List<JsonNode> integrations(Job job) {
        List<JsonNode> integrations = new ArrayList<>();
        job.spec().request().path("integrations").forEach(integrations::add);
        return integrations;
    }
}

package dev.d3s.server.api;

import java.util.LinkedHashMap;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.access.Scope;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.grader.GraderRun;
import dev.d3s.server.grader.GraderRun.Failure;
import dev.d3s.server.grader.GraderService;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Tries graders on one item, as OpenAI's alpha endpoints do. */
@Path("/v1/fine_tuning/alpha/graders")
@Consumes(MediaType.APPLICATION_JSON)
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Graders")
@RunOnVirtualThread
class GradersResource {
    private static final String EXAMPLE = """
            {"grader": {"type": "math", "input": "{{sample.output_text}}", "reference": "{{item.answer}}"},
             "item": {"answer": "1/2"}, "model_sample": "so it is \\\\boxed{0.5}"}""";

    private final GraderService graders;
    private final RequestJson json;
    private final Callers callers;

    @Inject
    GradersResource(GraderService graders, RequestJson json, Callers callers) {
        this.graders = graders;
        this.json = json;
        this.callers = callers;
    }

    @Schema(name = "ValidatedGrader")
    record ValidatedGrader(
            @Schema(implementation = Object.class, description = "with every default filled in") JsonNode grader) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "GraderRun")
    record GraderRunObject(double reward, Metadata metadata, Map<String, Double> subRewards,
            @Schema(implementation = Object.class) Map<String, Object> modelGraderTokenUsagePerModel) {

        @JsonNaming(SnakeCaseStrategy.class)
        @Schema(name = "GraderRunMetadata")
        record Metadata(String name, String type, Errors errors, double executionTime, Map<String, Double> scores,
                @Nullable Long tokenUsage, @Nullable String sampledModelName) {}

        /** Every member is always present: typed clients throw on a missing one. */
        @JsonNaming(SnakeCaseStrategy.class)
        @Schema(name = "GraderRunErrors")
        record Errors(boolean formulaParseError, boolean sampleParseError, boolean truncatedObservationError,
                boolean unresponsiveRewardError, boolean invalidVariableError, boolean otherError,
                boolean pythonGraderServerError, @Nullable String pythonGraderServerErrorType,
                boolean pythonGraderRuntimeError, @Nullable String pythonGraderRuntimeErrorDetails,
                boolean modelGraderServerError, boolean modelGraderRefusalError, boolean modelGraderParseError,
                @Nullable String modelGraderServerErrorDetails,
                @Schema(description = "ours: what went wrong, in words") @Nullable String message) {}

        static GraderRunObject of(GraderRun run) {
            Failure failure = run.failure();
            Errors errors = new Errors(failure == Failure.FORMULA, failure == Failure.SAMPLE, false,
                    failure == Failure.UNRESPONSIVE, failure == Failure.VARIABLE, failure == Failure.OTHER, false,
                    null, false, null, failure == Failure.MODEL_SERVER, false, failure == Failure.MODEL_ANSWER,
                    failure == Failure.MODEL_SERVER ? run.message() : null, run.message());
            return new GraderRunObject(run.reward(),
                    new Metadata(run.name(), run.type(), errors, run.seconds(), run.parts(), null, null),
                    run.parts(), new LinkedHashMap<>());
        }
    }

    @POST
    @Path("/validate")
    @Operation(summary = "Check a grader as a job's is checked", description = "The answer holds every default that was "
            + "filled in. All mistakes are reported at once.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class)))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = ValidatedGrader.class)))
    @APIResponse(responseCode = "400", description = "The grader has mistakes", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public ValidatedGrader validate(String body) {
        return new ValidatedGrader(graders.validate(callers.with(Scope.JOBS_WRITE), json.read(body)));
    }

    @POST
    @Path("/run")
    @Operation(summary = "Grade one text", description = "A grader that fails is an answer too: metadata.errors says how, "
            + "and the reward is 0.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class), examples = @ExampleObject(name = "math", value = EXAMPLE)))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = GraderRunObject.class)))
    @APIResponse(responseCode = "400", description = "The request has mistakes", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public GraderRunObject run(String body) {
        return GraderRunObject.of(graders.run(callers.with(Scope.JOBS_WRITE), json.read(body)));
    }
}

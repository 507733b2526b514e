package dev.d3s.server.api;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.Scope;
import dev.d3s.server.api.Wire.CheckpointObject;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.api.Wire.EventObject;
import dev.d3s.server.api.Wire.Listing;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.job.Checkpoint;
import dev.d3s.server.job.Job;
import dev.d3s.server.job.JobService;
import dev.d3s.server.job.MetricSeries;
import dev.d3s.server.job.StepRollouts;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Fine-tuning jobs. */
@Path("/v1/fine_tuning/jobs")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Fine-tuning jobs")
@RunOnVirtualThread
class JobsResource {
    private static final MediaType CSV = new MediaType("text", "csv");
    private static final MediaType HTML = MediaType.TEXT_HTML_TYPE.withCharset("UTF-8");
    private static final String EXAMPLE = """
            {"model": "arithmetic-base", "training_file": "file-...", "method": {"type": "reinforcement", "reinforcement": {
              "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                         "reference": "{{item.answer}}", "operation": "eq"},
              "d3s": {"preset": "d3s", "steps": 200, "group_size": 16}}}}""";

    private final JobService jobs;
    private final RequestJson json;
    private final LiveStreams streams;
    private final Callers callers;

    @Inject
    JobsResource(JobService jobs, RequestJson json, LiveStreams streams, Callers callers) {
        this.jobs = jobs;
        this.json = json;
        this.streams = streams;
        this.callers = callers;
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(summary = "Queue a job", description = "Members under method.<type>.d3s are all optional; the answer holds "
            + "every default that was filled in. All mistakes are reported at once. With dry_run=true nothing is created: "
            + "the answer is the job as it would be and the memory that is expected for it.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class), examples = @ExampleObject(name = "D3S", value = EXAMPLE)))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(oneOf = {FineTuningJob.class,
            JobPlanObject.class})))
    @APIResponse(responseCode = "400", description = "The request has mistakes, or the job does not fit into memory", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    @APIResponse(responseCode = "422", description = "The Idempotency-Key was sent with another request", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public Response create(String body, @RestQuery("dry_run") @Nullable String dryRun,
            @RestHeader("Idempotency-Key") @Nullable String idempotencyKey) {
        Caller caller = callers.with(Scope.JOBS_WRITE);
        Object answer = QueryRules.flag("dry_run", dryRun)
                ? JobPlanObject.of(jobs.dryRun(caller, json.read(body)))
                : FineTuningJob.of(jobs.create(caller, json.read(body), idempotencyKey));
        return Response.ok(answer, MediaType.APPLICATION_JSON_TYPE).build();
    }

    @GET
    @Operation(summary = "List jobs, newest first", description = "metadata[key]=value selects jobs that carry the pair.")
    public Listing<FineTuningJob> list(@RestQuery @Nullable String after, @RestQuery @Nullable String limit,
            UriInfo uri) {
        Map<String, String> metadata = new LinkedHashMap<>();
        uri.getQueryParameters().forEach((name, values) -> {
            if (name.startsWith("metadata[") && name.endsWith("]") && !values.isEmpty()) {
                metadata.put(name.substring("metadata[".length(), name.length() - 1), values.getFirst());
            }
        });
        return Listing.of(
                jobs.list(callers.with(Scope.JOBS_READ), QueryRules.present(after), QueryRules.limit(limit, 20, 1000),
                        metadata),
                FineTuningJob::of,
                Job::id);
    }

    @GET
    @Path("/{id}")
    @Operation(summary = "Read a job")
    public FineTuningJob job(@RestPath String id) {
        return FineTuningJob.of(jobs.job(callers.with(Scope.JOBS_READ), id));
    }

    @POST
    @Path("/{id}/cancel")
    @Operation(summary = "End a job: at once when it waits, after a checkpoint when it runs")
    public FineTuningJob cancel(@RestPath String id) {
        return FineTuningJob.of(jobs.cancel(callers.with(Scope.JOBS_WRITE), id));
    }

    @POST
    @Path("/{id}/pause")
    @Operation(summary = "Stop a job so that it can go on later")
    public FineTuningJob pause(@RestPath String id) {
        return FineTuningJob.of(jobs.pause(callers.with(Scope.JOBS_WRITE), id));
    }

    @POST
    @Path("/{id}/resume")
    @Operation(summary = "Queue a paused or failed job again; it goes on after its last checkpoint")
    public FineTuningJob resume(@RestPath String id) {
        return FineTuningJob.of(jobs.resume(callers.with(Scope.JOBS_WRITE), id));
    }

    @GET
    @Path("/{id}/events")
    @Produces({MediaType.APPLICATION_JSON, MediaType.SERVER_SENT_EVENTS})
    @Operation(summary = "A job's log, newest first; live and oldest first with Accept: text/event-stream", description = "A live "
            + "stream ends after the job's last event; Last-Event-ID continues one that broke.")
    @APIResponse(responseCode = "200", content = {
            @Content(mediaType = MediaType.APPLICATION_JSON, schema = @Schema(implementation = EventObject[].class)),
            @Content(mediaType = MediaType.SERVER_SENT_EVENTS, schema = @Schema(implementation = EventObject.class))})
    public Response events(@RestPath String id, @RestQuery @Nullable String after, @RestQuery @Nullable String limit,
            @RestHeader("Last-Event-ID") @Nullable String lastEventId, HttpHeaders headers) {
        Caller caller = callers.with(Scope.JOBS_READ);
        if (!Accept.asks(headers, MediaType.SERVER_SENT_EVENTS_TYPE)) {
            return Response.ok(Listing.of(
                    jobs.events(caller, id, QueryRules.present(after), QueryRules.limit(limit, 20, 1000)),
                    EventObject::of,
                    JobEvent::id), MediaType.APPLICATION_JSON_TYPE)
                .build();
        }
        jobs.job(caller, id);
        return streams.followed(event -> json.write(EventObject.of(event)),
                follower -> jobs.follow(caller, id, QueryRules.present(lastEventId), follower));
    }

    @GET
    @Path("/{id}/checkpoints")
    @Operation(summary = "A job's checkpoints, newest first")
    public Listing<CheckpointObject> checkpoints(@RestPath String id, @RestQuery @Nullable String after,
            @RestQuery @Nullable String limit) {
        return Listing.of(
                jobs.checkpoints(callers.with(Scope.JOBS_READ), id, QueryRules.present(after),
                        QueryRules.limit(limit, 10, 1000)),
                CheckpointObject::of, Checkpoint::id);
    }

    @GET
    @Path("/{id}/metrics")
    @Produces({MediaType.APPLICATION_JSON, "text/csv"})
    @Operation(summary = "Every metric of every step, as columns; with Accept: text/csv as a table", description = "names: comma-"
            + "separated; from_step: -1 is the evaluation before training.")
    @APIResponse(responseCode = "200", content = {
            @Content(mediaType = MediaType.APPLICATION_JSON, schema = @Schema(implementation = MetricsObject.class)),
            @Content(mediaType = "text/csv", schema = @Schema(implementation = String.class))})
    public Response metrics(@RestPath String id, @RestQuery @Nullable String names,
            @RestQuery("from_step") @Nullable String fromStep, HttpHeaders headers) {
        Set<String> wanted = names == null || names.isBlank()
                ? Set.of()
                : Arrays.stream(names.split(",")).map(String::strip).collect(Collectors.toSet());
        MetricSeries series = jobs.metrics(callers.with(Scope.JOBS_READ), id, wanted,
                QueryRules.whole("from_step", fromStep, -1, -1, Integer.MAX_VALUE));
        return Accept.asks(headers, CSV)
                ? Response.ok(MetricsObject.csv(series), CSV).build()
                : Response.ok(MetricsObject.of(id, series), MediaType.APPLICATION_JSON_TYPE).build();
    }

    @GET
    @Path("/{id}/rollouts")
    @Produces({MediaType.APPLICATION_JSON, MediaType.TEXT_HTML})
    @Operation(summary = "Some rollouts of a recorded step, token by token: what was kept and dropped", description = "step: from 0, "
            + "the newest recorded one when absent. With Accept: text/html as a page for people.")
    @APIResponse(responseCode = "200", content = {
            @Content(mediaType = MediaType.APPLICATION_JSON, schema = @Schema(implementation = RolloutsObject.class)),
            @Content(mediaType = MediaType.TEXT_HTML, schema = @Schema(implementation = String.class))})
    @APIResponse(responseCode = "404", description = "There is no such job, or the step is not recorded", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public Response rollouts(@RestPath String id, @RestQuery @Nullable String step, @RestQuery @Nullable String after,
            @RestQuery @Nullable String limit, HttpHeaders headers) {
        Caller caller = callers.with(Scope.JOBS_READ);
        int given = QueryRules.whole("step", step, -1, 0, Integer.MAX_VALUE);
        StepRollouts rollouts = jobs.rollouts(caller, id, given < 0 ? null : given, QueryRules.present(after),
                QueryRules.limit(limit, 100, 1000));
        return Accept.asks(headers, MediaType.TEXT_HTML_TYPE)
                ? Response.ok(RolloutsPage.of(jobs.job(caller, id), rollouts), HTML)
                    // what a policy writes is shown, never run
                    .header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
                    .build()
                : Response.ok(RolloutsObject.of(rollouts), MediaType.APPLICATION_JSON_TYPE).build();
    }
}

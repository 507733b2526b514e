package dev.d3s.server.api;

import java.nio.charset.StandardCharsets;
import java.util.List;

import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.StreamingOutput;

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
import dev.d3s.server.api.EvalObject.RowObject;
import dev.d3s.server.api.Wire.Deleted;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.api.Wire.Listing;
import dev.d3s.server.eval.Eval;
import dev.d3s.server.eval.EvalService;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Evaluations on demand; ours, since OpenAI's evals take several calls. */
@Path("/v1/evals")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Evaluations")
@RunOnVirtualThread
class EvalsResource {
    private static final String JSON_LINES = "application/jsonl";
    private static final MediaType JSON_LINES_TYPE = new MediaType("application", "jsonl");
    private static final String EXAMPLE = """
            {"model": "arithmetic-base", "file": "file-...", "samples": 200, "n": 8, "k": [1, 8],
             "grader": {"type": "math", "input": "{{sample.output_text}}", "reference": "{{item.answer}}"},
             "sampling": {"max_tokens": 48, "temperature": 1.0}, "seed": 7}""";

    private final EvalService evals;
    private final RequestJson json;
    private final Callers callers;

    @Inject
    EvalsResource(EvalService evals, RequestJson json, Callers callers) {
        this.evals = evals;
        this.json = json;
        this.callers = callers;
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(summary = "Queue an evaluation of a model on a file", description = "The answer holds every default that was "
            + "filled in. All mistakes are reported at once.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class), examples = @ExampleObject(name = "pass@8", value = EXAMPLE)))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = EvalObject.class)))
    @APIResponse(responseCode = "400", description = "The request has mistakes", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    @APIResponse(responseCode = "422", description = "The Idempotency-Key was sent with another request", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public EvalObject create(String body, @RestHeader("Idempotency-Key") @Nullable String idempotencyKey) {
        return EvalObject.of(evals.create(callers.with(Scope.JOBS_WRITE), json.read(body), idempotencyKey));
    }

    @GET
    @Operation(summary = "List evaluations, newest first")
    public Listing<EvalObject> list(@RestQuery @Nullable String after, @RestQuery @Nullable String limit) {
        return Listing.of(
                evals.list(callers.with(Scope.JOBS_READ), QueryRules.present(after), QueryRules.limit(limit, 20, 1000)),
                EvalObject::of,
                Eval::id);
    }

    @GET
    @Path("/{id}")
    @Operation(summary = "Read an evaluation, with the figures so far")
    public EvalObject eval(@RestPath String id) {
        return EvalObject.of(evals.eval(callers.with(Scope.JOBS_READ), id));
    }

    @POST
    @Path("/{id}/cancel")
    @Operation(summary = "End an evaluation; the rows that are done stay")
    public EvalObject cancel(@RestPath String id) {
        return EvalObject.of(evals.cancel(callers.with(Scope.JOBS_WRITE), id));
    }

    @DELETE
    @Path("/{id}")
    @Operation(summary = "Delete an evaluation that has ended, and its rows")
    public Deleted delete(@RestPath String id) {
        evals.delete(callers.with(Scope.JOBS_WRITE), id);
        return new Deleted(id, "eval.run", true);
    }

    @GET
    @Path("/{id}/results")
    @Produces({MediaType.APPLICATION_JSON, JSON_LINES})
    @Operation(summary = "What came of each row, in the order of the file; with Accept: application/jsonl all at once, a line each")
    @APIResponse(responseCode = "200", content = {
            @Content(mediaType = MediaType.APPLICATION_JSON, schema = @Schema(implementation = RowObject[].class)),
            @Content(mediaType = JSON_LINES, schema = @Schema(implementation = RowObject.class))})
    public Response results(@RestPath String id, @RestQuery @Nullable String after, @RestQuery @Nullable String limit,
            HttpHeaders headers) {
        Caller caller = callers.with(Scope.JOBS_READ);
        Eval eval = evals.eval(caller, id);
        List<MediaType> acceptable = headers.getAcceptableMediaTypes();
        if (!acceptable.isEmpty() && acceptable.getFirst().equals(JSON_LINES_TYPE)) {
            StreamingOutput lines = out -> evals.rows(caller, id, row -> out
                .write((json.write(RowObject.of(row, eval.spec())) + "\n").getBytes(StandardCharsets.UTF_8)));
            return Response.ok(lines, JSON_LINES_TYPE)
                .header("Content-Disposition", "attachment; filename=\"" + id + ".jsonl\"")
                .build();
        }
        return Response
            .ok(Listing.of(evals.rows(caller, id, QueryRules.present(after), QueryRules.limit(limit, 20, 1000)),
                    row -> RowObject.of(row, eval.spec()), EvalService::rowId), MediaType.APPLICATION_JSON_TYPE)
            .build();
    }
}

package dev.d3s.server.api;

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
import dev.d3s.server.api.Wire.Deleted;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.api.Wire.EventObject;
import dev.d3s.server.api.Wire.Listing;
import dev.d3s.server.api.Wire.ModelObject;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.registry.ModelCatalog.Model;
import dev.d3s.server.registry.ModelRegistry;
import dev.d3s.server.request.Page;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Base models, fine-tuned models and checkpoints; registering and downloading base models. */
@Path("/v1/models")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Models")
@RunOnVirtualThread
class ModelsResource {
    private final ModelCatalog models;
    private final ModelRegistry registry;
    private final RequestJson json;
    private final LiveStreams streams;
    private final ServedModels served;
    private final Callers callers;

    @Inject
    ModelsResource(ModelCatalog models, ModelRegistry registry, RequestJson json, LiveStreams streams,
            ServedModels served, Callers callers) {
        this.models = models;
        this.registry = registry;
        this.json = json;
        this.streams = streams;
        this.served = served;
        this.callers = callers;
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(summary = "Register a directory, or download a model from a hub", description = "model: hf://org/name or "
            + "hf://org/name@revision; path: a directory of this machine. id: what it is called, the last part of its name when "
            + "absent. A download goes on after this answers; what is registered already is answered as it is.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class), examples = {
            @ExampleObject(name = "download", value = "{\"model\": \"hf://Qwen/Qwen2.5-0.5B\"}"),
            @ExampleObject(name = "directory", value = "{\"path\": \"/data/models/mine\", \"id\": \"mine\"}")}))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = ModelObject.class)))
    @APIResponse(responseCode = "400", description = "The request or the model has mistakes", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    @APIResponse(responseCode = "409", description = "Another model has the id", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public ModelObject register(String body) {
        return ModelObject.of(registry.register(callers.with(Scope.MODELS_WRITE), json.read(body)));
    }

    @GET
    @Operation(summary = "List base models, fine-tuned models, checkpoints, and policies in training")
    public Listing<ModelObject> list() {
        return Listing.of(new Page<>(served.models(callers.with(Scope.MODELS_READ)), false), ModelObject::of,
                Model::id);
    }

    @GET
    @Path("/{id}")
    @Operation(summary = "Read a model")
    public ModelObject model(@RestPath String id) {
        return ModelObject.of(served.model(callers.with(Scope.MODELS_READ), id));
    }

    @GET
    @Path("/{id}/events")
    @Produces({MediaType.APPLICATION_JSON, MediaType.SERVER_SENT_EVENTS})
    @Operation(summary = "How far a download is, newest first; live and oldest first with Accept: text/event-stream", description = "A "
            + "live stream ends when the model is ready or has failed; Last-Event-ID continues one that broke.")
    @APIResponse(responseCode = "200", content = {
            @Content(mediaType = MediaType.APPLICATION_JSON, schema = @Schema(implementation = EventObject[].class)),
            @Content(mediaType = MediaType.SERVER_SENT_EVENTS, schema = @Schema(implementation = EventObject.class))})
    public Response events(@RestPath String id, @RestQuery @Nullable String after, @RestQuery @Nullable String limit,
            @RestHeader("Last-Event-ID") @Nullable String lastEventId, HttpHeaders headers) {
        Caller caller = callers.with(Scope.MODELS_READ);
        if (!Accept.asks(headers, MediaType.SERVER_SENT_EVENTS_TYPE)) {
            return Response.ok(
                    Listing.of(
                            registry.events(caller, id, QueryRules.present(after), QueryRules.limit(limit, 20, 1000)),
                            EventObject::ofModel, JobEvent::id),
                    MediaType.APPLICATION_JSON_TYPE)
                .build();
        }
        models.model(caller, id);
        return streams.followed(event -> json.write(EventObject.ofModel(event)),
                follower -> registry.follow(caller, id, QueryRules.present(lastEventId), follower));
    }

    @DELETE
    @Path("/{id}")
    @Operation(summary = "Delete a model", description = "Ends a download, and deletes the files of a downloaded model, a "
            + "fine-tuned model or a checkpoint; a registered directory is forgotten and stays where it is.")
    public Deleted delete(@RestPath String id) {
        registry.delete(callers.with(Scope.MODELS_WRITE), id);
        return new Deleted(id, "model", true);
    }
}

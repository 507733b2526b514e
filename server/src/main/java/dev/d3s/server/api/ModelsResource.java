package dev.d3s.server.api;

import jakarta.inject.Inject;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestPath;

import dev.d3s.server.api.Wire.Deleted;
import dev.d3s.server.api.Wire.Listing;
import dev.d3s.server.api.Wire.ModelObject;
import dev.d3s.server.job.ModelCatalog;
import dev.d3s.server.job.ModelCatalog.Model;
import dev.d3s.server.job.Page;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Base models, fine-tuned models and checkpoints. */
@Path("/v1/models")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Models")
@RunOnVirtualThread
class ModelsResource {
    private final ModelCatalog models;

    @Inject
    ModelsResource(ModelCatalog models) {
        this.models = models;
    }

    @GET
    @Operation(summary = "List base models, fine-tuned models and checkpoints")
    public Listing<ModelObject> list() {
        return Listing.of(new Page<>(models.models(), false), ModelObject::of, Model::id);
    }

    @GET
    @Path("/{id}")
    @Operation(summary = "Read a model")
    public ModelObject model(@RestPath String id) {
        return ModelObject.of(models.model(id));
    }

    @DELETE
    @Path("/{id}")
    @Operation(summary = "Delete the files of a fine-tuned model or checkpoint")
    public Deleted delete(@RestPath String id) {
        models.delete(id);
        return new Deleted(id, "model", true);
    }
}

package dev.d3s.server.api;

import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.PartType;
import org.jboss.resteasy.reactive.RestForm;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.multipart.FileUpload;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.Scope;
import dev.d3s.server.api.Wire.Deleted;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.api.Wire.FileObject;
import dev.d3s.server.api.Wire.Listing;
import dev.d3s.server.file.FileService;
import dev.d3s.server.file.UploadedFile;
import dev.d3s.server.request.InvalidRequestException;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Uploaded files: the datasets of jobs. */
@Path("/v1/files")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Files")
@RunOnVirtualThread
class FilesResource {
    private static final int LONGEST_NAME = 255;

    private final FileService files;
    private final Callers callers;

    @Inject
    FilesResource(FileService files, Callers callers) {
        this.files = files;
        this.callers = callers;
    }

    @POST
    @Consumes(MediaType.MULTIPART_FORM_DATA)
    @Operation(summary = "Upload a dataset: JSON Lines, one row per line")
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = FileObject.class)))
    @APIResponse(responseCode = "422", description = "The Idempotency-Key was sent with another request", content = @Content(schema = @Schema(implementation = ErrorObject.class)))
    public FileObject upload(@RestForm("file") @Nullable FileUpload file,
            @RestForm @PartType(MediaType.TEXT_PLAIN) @Nullable String purpose,
            @RestHeader("Idempotency-Key") @Nullable String idempotencyKey) {
        Caller caller = callers.with(Scope.FILES_WRITE);
        if (file == null || file.fileName() == null || file.fileName().isBlank()) {
            throw new InvalidRequestException("file", "missing_required_parameter",
                    "'file' is required: a part with a file name and the rows as its content.");
        }
        if (purpose == null || !purpose.equals("fine-tune")) {
            throw new InvalidRequestException("purpose", "invalid_value",
                    "'purpose' must be 'fine-tune', not " + (purpose == null ? "absent" : "'" + purpose + "'") + ".");
        }
        return FileObject.of(files.add(caller, file.uploadedFile(), name(file.fileName()), purpose,
                idempotencyKey));
    }

    /** What a file is called; it is never a path. */
    private static String name(String given) {
        String name = given.substring(Math.max(given.lastIndexOf('/'), given.lastIndexOf('\\')) + 1).strip();
        if (name.isEmpty() || name.length() > LONGEST_NAME || !RequestJson.isText(name)
                || name.chars().anyMatch(Character::isISOControl)) {
            throw new InvalidRequestException("file", "invalid_value", "The name of 'file' must have 1 to "
                    + LONGEST_NAME + " characters, and none that is a control character.");
        }
        return name;
    }

    @GET
    @Operation(summary = "List uploaded files")
    public Listing<FileObject> list(@RestQuery @Nullable String purpose, @RestQuery @Nullable String after,
            @RestQuery @Nullable String limit, @RestQuery @Nullable String order) {
        return Listing.of(files.list(callers.with(Scope.FILES_READ), QueryRules.present(purpose),
                QueryRules.present(after), !QueryRules.choice("order", order, "desc", "asc").equals("asc"),
                QueryRules.limit(limit, 10_000, 10_000)), FileObject::of, UploadedFile::id);
    }

    @GET
    @Path("/{id}")
    @Operation(summary = "Read what is known about a file")
    public FileObject file(@RestPath String id) {
        return FileObject.of(files.file(callers.with(Scope.FILES_READ), id));
    }

    @GET
    @Path("/{id}/content")
    @Produces(MediaType.WILDCARD) // clients ask for types of their own here
    @Operation(summary = "Download a file")
    public Response content(@RestPath String id) {
        return Response.ok(files.content(files.file(callers.with(Scope.FILES_READ), id)).toFile())
            .type(MediaType.APPLICATION_OCTET_STREAM_TYPE)
            .build();
    }

    @DELETE
    @Path("/{id}")
    @Operation(summary = "Delete a file that no unfinished job needs")
    public Deleted delete(@RestPath String id) {
        files.delete(callers.with(Scope.FILES_WRITE), id);
        return new Deleted(id, "file", true);
    }
}

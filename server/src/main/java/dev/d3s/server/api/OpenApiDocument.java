package dev.d3s.server.api;

import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.PathItem;
import org.eclipse.microprofile.openapi.models.PathItem.HttpMethod;
import org.eclipse.microprofile.openapi.models.media.Content;
import org.eclipse.microprofile.openapi.models.media.MediaType;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.eclipse.microprofile.openapi.models.media.Schema.SchemaType;
import org.eclipse.microprofile.openapi.models.parameters.Parameter;
import org.eclipse.microprofile.openapi.models.parameters.RequestBody;
import org.eclipse.microprofile.openapi.models.responses.APIResponse;
import org.jboss.jandex.IndexView;

import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Completes the OpenAPI document with what holds for every operation, or is too long for annotations: the statuses of failures, the
 * bounds of parameters, and the schemas of requests, which are in {@code META-INF/openapi.yaml}; {@link AnswerSchemas} completes those of
 * answers. Runs during the build, and twice over one document.
 */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public final class OpenApiDocument implements OASFilter {
    private static final String JSON = "application/json";
    private static final String SCHEMAS = "#/components/schemas/";
    /** Names of resources are short; what is longer names nothing. */
    private static final int LONGEST_ID = 512;

    /** Schemas of requests, by path. */
    private static final Map<String, String> REQUESTS = Map.of("/v1/completions", "CompletionRequest",
            "/v1/chat/completions", "ChatRequest", "/v1/fine_tuning/jobs", "JobRequest", "/v1/evals", "EvalRequest",
            "/v1/models", "ModelRequest", "/v1/fine_tuning/alpha/graders/validate", "GraderValidateRequest",
            "/v1/fine_tuning/alpha/graders/run", "GraderRunRequest");

    private static final Map<String, String> FAILURES = failures();

    private static Map<String, String> failures() {
        Map<String, String> failures = new LinkedHashMap<>();
        failures.put("400", "The request has mistakes: error.errors lists every one");
        failures.put("401", "No valid API key or token came with the request");
        failures.put("403", "The caller may not do this");
        failures.put("404", "There is nothing at the address, or not for this caller");
        failures.put("405", "The method is not allowed here");
        failures.put("406", "No content type that the client accepts is served here");
        failures.put("409", "The state of what is addressed does not allow it");
        failures.put("413", "The request is larger than the server takes");
        failures.put("414", "The address is longer than the server reads");
        failures.put("415", "The content type is not one that is read here");
        failures.put("429", "Too much waits already: come back after the seconds that Retry-After says");
        failures.put("500", "The server, or a plugin of it, failed");
        failures.put("503", "Something that the server needs is not there at the moment");
        return failures;
    }

    private final IndexView classes;

    public OpenApiDocument(IndexView classes) {
        this.classes = classes;
    }

    @Override
    public void filterOpenAPI(OpenAPI document) {
        if (document.getPaths() == null) {
            return;
        }
        new AnswerSchemas(classes).describe(document.getComponents().getSchemas());
        document.getPaths().getPathItems().forEach((path, item) -> {
            if (path.startsWith("/v1/")) {
                item.getOperations().forEach((method, operation) -> complete(path, item, method, operation));
            }
        });
    }

    private static void complete(String path, PathItem item, HttpMethod method, Operation operation) {
        if (operation.getResponses() == null) {
            operation.setResponses(OASFactory.createAPIResponses());
        }
        boolean body = method == HttpMethod.POST && operation.getRequestBody() != null;
        boolean one = path.contains("{");
        FAILURES.forEach((status, description) -> {
            boolean applies = switch (status) {
                case "409" -> (method == HttpMethod.POST || method == HttpMethod.DELETE);
                case "413", "415" -> body;
                case "405" -> false; // nobody reads it at a method that is allowed
                default -> true;
            };
            APIResponse given = operation.getResponses().getAPIResponse(status);
            if (given != null) {
                given.setContent(content("Error"));
            } else if (applies) {
                operation.getResponses().addAPIResponse(status, failure(status, description));
            }
        });
        if (path.endsWith("/events")) {
            MediaType page = operation.getResponses().getAPIResponse("200").getContent().getMediaType(JSON);
            if (page.getSchema().getType().contains(SchemaType.ARRAY)) {
                page.setSchema(listing(page.getSchema()));
            }
        }
        List<Parameter> parameters = operation.getParameters();
        if (parameters != null) {
            parameters.forEach(parameter -> parameter.setSchema(schema(path, parameter)));
        }
        String request = method == HttpMethod.POST ? REQUESTS.get(path) : null;
        if (request != null) {
            operation.setRequestBody(request(operation.getRequestBody(), request));
        } else if (path.equals("/v1/files") && method == HttpMethod.POST) {
            operation.setRequestBody(upload());
        } else if (one && method == HttpMethod.POST) {
            operation.setRequestBody(null); // actions have no content
        }
    }

    private static APIResponse failure(String status, String description) {
        APIResponse response = OASFactory.createAPIResponse().description(description);
        if (!status.equals("414")) { // what cannot be read is answered before anything knows what it is
            response.setContent(content("Error"));
        }
        if (status.equals("429")) {
            response.addHeader("Retry-After", OASFactory.createHeader()
                .description("seconds")
                .schema(OASFactory.createSchema().addType(SchemaType.INTEGER)));
        }
        return response;
    }

    private static Content content(String schema) {
        return OASFactory.createContent()
            .addMediaType(JSON, OASFactory.createMediaType().schema(OASFactory.createSchema().ref(SCHEMAS + schema)));
    }

    private static RequestBody request(RequestBody given, String schema) {
        RequestBody body = OASFactory.createRequestBody().required(true).content(content(schema));
        MediaType documented = given == null || given.getContent() == null
                ? null
                : given.getContent().getMediaType(JSON);
        if (documented != null) {
            body.getContent().getMediaType(JSON).setExamples(documented.getExamples());
        }
        return body;
    }

    private static RequestBody upload() {
        Schema form = OASFactory.createSchema()
            .addType(SchemaType.OBJECT)
            .addProperty("file", OASFactory.createSchema()
                .addType(SchemaType.STRING)
                .format("binary")
                .description("the rows: JSON Lines or Parquet, packed with gzip or not"))
            .addProperty("purpose", OASFactory.createSchema().addType(SchemaType.STRING).addEnumeration("fine-tune"))
            .addRequired("file")
            .addRequired("purpose");
        return OASFactory.createRequestBody()
            .required(true)
            .content(OASFactory.createContent()
                .addMediaType("multipart/form-data", OASFactory.createMediaType().schema(form)));
    }

    private static Schema schema(String path, Parameter parameter) {
        Schema schema = OASFactory.createSchema();
        return switch (parameter.getName()) {
            case "limit" -> whole(schema, 1, path.equals("/v1/files") ? 10_000 : 1000);
            case "step" -> whole(schema, 0, Integer.MAX_VALUE);
            case "from_step" -> whole(schema, -1, Integer.MAX_VALUE);
            case "dry_run" -> schema.addType(SchemaType.BOOLEAN);
            case "order" -> schema.addType(SchemaType.STRING).addEnumeration("asc").addEnumeration("desc");
            default -> parameter.getIn() == Parameter.In.PATH
                    ? schema.addType(SchemaType.STRING).minLength(1).maxLength(LONGEST_ID)
                    : parameter.getSchema();
        };
    }

    private static Schema whole(Schema schema, long minimum, long maximum) {
        return schema.addType(SchemaType.INTEGER)
            .minimum(BigDecimal.valueOf(minimum))
            .maximum(BigDecimal.valueOf(maximum));
    }

    /** A page of what a schema of an array has. */
    private static Schema listing(Schema array) {
        return OASFactory.createSchema()
            .addType(SchemaType.OBJECT)
            .addProperty("object", OASFactory.createSchema().addType(SchemaType.STRING).addEnumeration("list"))
            .addProperty("data", array)
            .addProperty("has_more", OASFactory.createSchema().addType(SchemaType.BOOLEAN))
            .addProperty("first_id", AnswerSchemas.orNull(OASFactory.createSchema().addType(SchemaType.STRING)))
            .addProperty("last_id", AnswerSchemas.orNull(OASFactory.createSchema().addType(SchemaType.STRING)))
            .required(List.of("object", "data", "has_more", "first_id", "last_id"));
    }
}

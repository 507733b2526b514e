package dev.d3s.server.api;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

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
import org.jboss.jandex.AnnotationInstance;
import org.jboss.jandex.ClassInfo;
import org.jboss.jandex.DotName;
import org.jboss.jandex.FieldInfo;
import org.jboss.jandex.IndexView;
import org.jboss.jandex.RecordComponentInfo;
import org.jboss.jandex.Type;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;

import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Completes the OpenAPI document with what holds for every operation, or is too long for annotations: the statuses of failures, the
 * bounds of parameters, and the schemas of requests, which are in {@code META-INF/openapi.yaml}. Runs during the build, and
 * twice over one document.
 */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public final class OpenApiDocument implements OASFilter {
    private static final String JSON = "application/json";
    private static final String SCHEMAS = "#/components/schemas/";
    private static final String PACKAGE = OpenApiDocument.class.getPackageName();
    private static final DotName SCHEMA = DotName
        .createSimple(org.eclipse.microprofile.openapi.annotations.media.Schema.class);
    private static final DotName INCLUDE = DotName.createSimple(JsonInclude.class);
    private static final DotName PROPERTY = DotName.createSimple(JsonProperty.class);
    private static final DotName NULLABLE = DotName.createSimple(Nullable.class);
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
        describeAnswers(document.getComponents().getSchemas());
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
            .addProperty("first_id", orNull(OASFactory.createSchema().addType(SchemaType.STRING)))
            .addProperty("last_id", orNull(OASFactory.createSchema().addType(SchemaType.STRING)))
            .required(List.of("object", "data", "has_more", "first_id", "last_id"));
    }

    /** What the records behind the schemas say and the generator does not read: which members are always there, and which may be null. */
    private void describeAnswers(Map<String, Schema> schemas) {
        for (ClassInfo type : classes.getKnownClasses()) {
            if (!type.isRecord() || !type.name().packagePrefix().equals(PACKAGE)) {
                continue;
            }
            // of a generic record there is one schema for each use of it
            Pattern names = Pattern.compile(Pattern.quote(schemaName(type)) + "\\d*");
            schemas.forEach((name, schema) -> {
                if (names.matcher(name).matches() && schema.getProperties() != null) {
                    describe(type, schema);
                }
            });
        }
    }

    private static String schemaName(ClassInfo type) {
        AnnotationInstance annotation = type.declaredAnnotation(SCHEMA);
        return annotation == null || annotation.value("name") == null
                ? type.simpleName()
                : annotation.value("name").asString();
    }

    private static void describe(ClassInfo type, Schema schema) {
        boolean sparse = leavesOut(type.declaredAnnotation(INCLUDE));
        List<String> required = new ArrayList<>();
        for (RecordComponentInfo component : type.recordComponents()) {
            FieldInfo field = type.field(component.name());
            AnnotationInstance named = field.annotation(PROPERTY);
            String name = named == null || named.value() == null
                    ? PropertyNamingStrategies.SnakeCaseStrategy.INSTANCE.translate(field.name())
                    : named.value().asString();
            Schema property = schema.getProperties().get(name);
            if (property == null) {
                continue; // it is written under another one
            }
            boolean optional = sparse || leavesOut(field.annotation(INCLUDE));
            if (!optional) {
                required.add(name);
            }
            schema.addProperty(name, optional ? within(property, field.type()) : nullable(property, field.type()));
        }
        schema.setRequired(required.isEmpty() ? null : required);
    }

    private static boolean leavesOut(@Nullable AnnotationInstance include) {
        return include != null && include.value() != null && include.value().asEnum().startsWith("NON_");
    }

    private static Schema nullable(Schema schema, Type type) {
        Schema inside = within(schema, type);
        return type.hasAnnotation(NULLABLE) ? orNull(inside) : inside;
    }

    /** The same for elements of lists and values of maps. */
    private static Schema within(Schema schema, Type type) {
        if (type.kind() == Type.Kind.PARAMETERIZED_TYPE) {
            Type element = type.asParameterizedType().arguments().getLast();
            if (schema.getItems() != null) {
                schema.setItems(nullable(schema.getItems(), element));
            } else if (schema.getAdditionalPropertiesSchema() != null) {
                schema.setAdditionalPropertiesSchema(nullable(schema.getAdditionalPropertiesSchema(), element));
            }
        }
        return schema;
    }

    private static Schema orNull(Schema schema) {
        if (schema.getRef() != null) {
            return OASFactory.createSchema()
                .addAnyOf(schema)
                .addAnyOf(OASFactory.createSchema().addType(SchemaType.NULL));
        }
        return schema.getType() == null || schema.getType().contains(SchemaType.NULL)
                ? schema
                : schema.addType(SchemaType.NULL);
    }
}

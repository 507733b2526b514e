package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;

/** The document says what the server does: statuses, members and bounds. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class OpenApiDocumentTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static JsonNode document() throws Exception {
        return JSON.readTree(given().get("/q/openapi?format=json").then().statusCode(200).extract().asString());
    }

    private static JsonNode resolved(JsonNode document, JsonNode schema) {
        JsonNode at = schema;
        while (at.has("$ref")) {
            at = document.at(at.path("$ref").textValue().substring(1));
        }
        return at;
    }

    @Test
    void shouldDocumentEveryStatusAndSchemaOfEveryOperation() throws Exception {
        JsonNode document = document();
        int operations = 0;
        for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
            if (!path.getKey().startsWith("/v1/")) {
                continue;
            }
            for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
                if (!Set.of("get", "post", "delete", "put", "patch").contains(operation.getKey())) {
                    continue;
                }
                operations++;
                String where = operation.getKey() + " " + path.getKey();
                JsonNode responses = operation.getValue().path("responses");
                for (String status : List.of("400", "401", "403", "404", "429", "500", "503")) {
                    assertThat(responses.path(status).at("/content/application~1json/schema/$ref").asText())
                        .as(where + " " + status)
                        .isEqualTo("#/components/schemas/Error");
                }
                assertThat(operation.getValue().path("summary").asText()).as(where).isNotEmpty();
                assertThat(operation.getValue().path("security")).as(where + ": with a key, or without")
                    .extracting(JsonNode::toString)
                    .containsExactly("{\"bearer\":[]}", "{}");
                if (operation.getValue().has("requestBody")) {
                    assertThat(responses.has("413") && responses.has("415")).as(where).isTrue();
                }
            }
        }
        assertThat(operations).isGreaterThan(25);
        List<String> dangling = new ArrayList<>();
        document.findValues("$ref").forEach(reference -> {
            if (document.at(reference.textValue().substring(1)).isMissingNode()) {
                dangling.add(reference.textValue());
            }
        });
        assertThat(dangling).isEmpty();
    }

    private static List<String> types(JsonNode schema) {
        List<String> types = new ArrayList<>();
        JsonNode type = schema.path("type");
        if (type.isTextual()) {
            types.add(type.textValue());
        }
        type.forEach(each -> types.add(each.textValue()));
        return types;
    }

    @Test
    void shouldSayWhatIsAlwaysThereAndWhatMayBeNull() throws Exception {
        JsonNode schemas = document().at("/components/schemas");
        JsonNode job = schemas.path("FineTuningJob");
        List<String> required = new ArrayList<>();
        job.path("required").forEach(name -> required.add(name.textValue()));
        assertThat(required).contains("id", "error", "finished_at", "fine_tuned_model", "seed", "status")
            .doesNotHaveDuplicates();
        assertThat(types(job.at("/properties/finished_at"))).containsExactlyInAnyOrder("integer", "null");
        assertThat(types(job.at("/properties/id"))).containsExactly("string");
        assertThat(job.at("/properties/error/anyOf/0/$ref").asText()).endsWith("/FineTuningJobError");
        assertThat(types(job.at("/properties/error/anyOf/1"))).containsExactly("null");
        JsonNode choice = schemas.path("CompletionChoice");
        assertThat(choice.path("required").toString()).contains("\"logprobs\"").doesNotContain("token_ids");
        assertThat(types(choice.at("/properties/token_ids"))).containsExactly("array");
        assertThat(types(schemas.at("/CompletionLogprobs/properties/token_logprobs/items")))
            .containsExactlyInAnyOrder("number", "null");
        assertThat(types(schemas.at("/ErrorDetails/properties/param"))).containsExactlyInAnyOrder("string", "null");
    }

    @Test
    void shouldDocumentPagesOfEvents() throws Exception {
        JsonNode document = document();
        for (String path : List.of("/v1/fine_tuning/jobs/{id}/events", "/v1/models/{id}/events")) {
            JsonNode content = document.path("paths").path(path).at("/get/responses/200/content");
            JsonNode page = content.path("application/json").path("schema");
            assertThat(types(page)).containsExactly("object");
            assertThat(page.at("/properties/data/items/$ref")).isEqualTo(content.at("/text~1event-stream/schema/$ref"));
        }
    }

    private static ObjectNode job(String type) {
        String file = JobsResourceTest.upload("{\"prompt\": \"1+1=\", \"completion\": \"2\", \"answer\": \"2\"}\n");
        ObjectNode job = JSON.createObjectNode()
            .put("model", "base")
            .put("training_file", file)
            .put("validation_file", file);
        ObjectNode details = job.putObject("method").put("type", type).putObject(type);
        details.putObject("grader")
            .put("type", "string_check")
            .put("input", "a")
            .put("reference", "b")
            .put("operation", "eq");
        return job;
    }

    /** The members at fault, with what is said of each. */
    private static Map<String, String> mistakes(String path, JsonNode body) throws Exception {
        String answer = given().contentType(ContentType.JSON).body(body.toString()).post(path).asString();
        Map<String, String> mistakes = new java.util.TreeMap<>();
        JSON.readTree(answer)
            .at("/error/errors")
            .forEach(error -> mistakes.put(error.path("param").asText(), error.path("message").asText()));
        return mistakes;
    }

    private static boolean isNumeric(JsonNode schema) {
        List<String> types = new ArrayList<>();
        schema.path("type").forEach(type -> types.add(type.asText()));
        types.add(schema.path("type").asText());
        return types.contains("integer") || types.contains("number");
    }

    /** Hands over every member of an object, with its path; alternatives that are numbers count as the member. */
    private static void walk(JsonNode document, JsonNode object, String path, BiConsumer<String, JsonNode> member) {
        for (Map.Entry<String, JsonNode> property : object.path("properties").properties()) {
            JsonNode schema = resolved(document, property.getValue());
            String here = path + "." + property.getKey();
            member.accept(here, schema);
            for (JsonNode alternative : schema.path("anyOf")) {
                if (isNumeric(resolved(document, alternative))) {
                    member.accept(here, resolved(document, alternative));
                }
            }
            walk(document, schema, here, member);
        }
    }

    private static void put(ObjectNode root, String path, JsonNode value) {
        String[] names = path.split("\\.");
        ObjectNode at = root;
        for (String name : Arrays.copyOf(names, names.length - 1)) {
            at = at.has(name) ? (ObjectNode) at.get(name) : at.putObject(name);
        }
        at.set(names[names.length - 1], value);
    }

    private static List<String> wrongBounds(JsonNode document, String type) throws Exception {
        JsonNode details = document
            .at("/components/schemas/" + (type.equals("supervised") ? "SupervisedRequest" : "ReinforcementRequest"));
        List<String> wrong = new ArrayList<>();
        List<Object[]> trials = new ArrayList<>();
        walk(document, details, "method." + type, (path, schema) -> {
            if (isNumeric(schema) && !path.contains(".grader")) {
                boolean whole = schema.path("type").toString().contains("integer");
                for (String bound : List.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")) {
                    if (schema.has(bound)) {
                        double value = schema.path(bound).asDouble();
                        double outward = (bound.endsWith("inimum") ? -1 : 1)
                                * (whole ? 1 : Math.max(1e-6, Math.abs(value) * 1e-6));
                        boolean exclusive = bound.startsWith("exclusive");
                        trials.add(new Object[]{path, exclusive ? value - outward : value, true, whole});
                        trials.add(new Object[]{path, exclusive ? value : value + outward, false, whole});
                    }
                }
            }
        });
        assertThat(trials).hasSizeGreaterThan(20);
        for (Object[] trial : trials) {
            String path = String.valueOf(trial[0]);
            double value = (double) trial[1];
            ObjectNode job = job(type);
            put(job, path, (boolean) trial[3]
                    ? JSON.getNodeFactory().numberNode((long) value)
                    : JSON.getNodeFactory().numberNode(value));
            boolean accepted = !mistakes("/v1/fine_tuning/jobs?dry_run=true", job).containsKey(path);
            if (accepted != (boolean) trial[2]) {
                wrong.add(path + " = " + value + " is " + (accepted ? "accepted" : "refused"));
            }
        }
        return wrong;
    }

    @Test
    void shouldHaveTheBoundsThatTheServerHas() throws Exception {
        JsonNode document = document();
        assertThat(wrongBounds(document, "reinforcement")).isEmpty();
        assertThat(wrongBounds(document, "supervised")).isEmpty();
    }

    /** What the server says it knows there. */
    private static Set<String> known(String message, String before) {
        String list = message.substring(message.indexOf(before) + before.length()).replaceAll("\\.$", "");
        return new TreeSet<>(Arrays.asList(list.split(", ")));
    }

    private static Set<String> names(JsonNode object) {
        Set<String> names = new TreeSet<>();
        object.path("properties").fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test
    void shouldHaveTheMembersThatTheServerHas() throws Exception {
        JsonNode document = document();
        for (String type : List.of("reinforcement", "supervised")) {
            JsonNode details = document
                .at("/components/schemas/"
                        + (type.equals("supervised") ? "SupervisedRequest" : "ReinforcementRequest"));
            Map<String, JsonNode> objects = new java.util.TreeMap<>(Map.of("method." + type, details));
            walk(document, details, "method." + type, (path, schema) -> {
                if (schema.has("properties") && !path.endsWith("grader")) {
                    objects.put(path, schema);
                }
            });
            assertThat(objects.size()).isGreaterThan(5);
            for (Map.Entry<String, JsonNode> object : objects.entrySet()) {
                ObjectNode job = job(type);
                String unknown = object.getKey() + ".no_such_member";
                put(job, unknown, JSON.getNodeFactory().numberNode(1));
                String message = String.valueOf(mistakes("/v1/fine_tuning/jobs?dry_run=true", job).get(unknown));
                assertThat(known(message, "known members: ")).as(object.getKey())
                    .containsAll(names(object.getValue()));
                if (object.getValue().has("additionalProperties")) {
                    assertThat(names(object.getValue())).as(object.getKey())
                        .isEqualTo(known(message, "known members: "));
                }
            }
        }
        JsonNode unknown = JSON.readTree("{\"no_such_member\": 1}");
        for (Map.Entry<String, String> each : Map
            .of("/v1/completions", "CompletionRequest", "/v1/chat/completions", "ChatRequest")
            .entrySet()) {
            Set<String> names = names(document.at("/components/schemas/" + each.getValue()));
            assertThat(names).containsAll(
                    known(String.valueOf(mistakes(each.getKey(), unknown).get("no_such_member")), "there are "));
            ObjectNode all = JSON.createObjectNode();
            names.forEach(all::putNull);
            assertThat(mistakes(each.getKey(), all).values()).noneMatch(message -> message.contains("no member"));
        }
    }
}

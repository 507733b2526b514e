package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static io.restassured.RestAssured.when;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.startsWith;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import dev.d3s.server.config.ServerSettings;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;

/** Registering and downloading models over HTTP, up to a completion and a job on them, with the real engines. */
@QuarkusTest
@TestProfile(HubServer.class)
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ModelsResourceTest {
    @Inject
    ServerSettings settings;

    private static ValidatableResponse register(String body) {
        return given().contentType(ContentType.JSON).body(body).post("/v1/models").then();
    }

    private static ValidatableResponse complete(String model) {
        return given().contentType(ContentType.JSON)
            .body("{\"model\": \"" + model + "\", \"prompt\": \"12+34=\", \"max_tokens\": 8, \"temperature\": 0}")
            .post("/v1/completions")
            .then();
    }

    private static ValidatableResponse job(String model) {
        String file = given().multiPart("purpose", "fine-tune")
            .multiPart("file", "rows.jsonl",
                    "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n".getBytes(StandardCharsets.UTF_8))
            .post("/v1/files")
            .then()
            .extract()
            .path("id");
        return given().contentType(ContentType.JSON)
            .body("""
                    {"model": "%s", "training_file": "%s", "method": {"type": "reinforcement", "reinforcement": {
                       "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                                  "reference": "{{item.answer}}", "operation": "eq"},
                       "hyperparameters": {"batch_size": 1},
                       "d3s": {"steps": 1, "group_size": 2, "sampling": {"max_tokens": 4}}}}}"""
                .formatted(model, file))
            .post("/v1/fine_tuning/jobs")
            .then();
    }

    /** The live events of a model, which end with the download. */
    private static List<String> follow(String model) {
        return given().accept("text/event-stream")
            .get("/v1/models/" + model + "/events")
            .then()
            .statusCode(200)
            .contentType("text/event-stream")
            .extract()
            .asString()
            .lines()
            .filter(line -> line.startsWith("data:"))
            .toList();
    }

    @Test
    void shouldDownloadAModelAndUseIt() {
        register("{\"model\": \"hf://org/arithmetic\"}").statusCode(200)
            .body("id", is("arithmetic"))
            .body("object", is("model"))
            .body("owned_by", is("d3s"))
            .body("source", is("hf://org/arithmetic@main"));
        List<String> events = follow("arithmetic");
        assertThat(events.getFirst()).contains("\"object\":\"model.event\"").contains("\"id\":\"modelevent-");
        assertThat(events.getLast()).contains("The model is ready: arithmetic.");
        assertThat(events)
            .anyMatch(event -> event.contains("\"type\":\"metrics\"") && event.contains("\"total_bytes\":"));

        when().get("/v1/models/arithmetic")
            .then()
            .body("status", is("ready"))
            .body("commit", notNullValue())
            .body("bytes", is(when().get("/v1/models/arithmetic").then().extract().<Integer>path("total_bytes")));
        when().get("/v1/models").then().body("data.id", hasItems("arithmetic", "arithmetic-base"));
        when().get("/v1/models/arithmetic/events?limit=2")
            .then()
            .body("object", is("list"))
            .body("data.size()", is(2))
            .body("has_more", is(true))
            .body("data[0].message", is("The model is ready: arithmetic."));
        String last = when().get("/v1/models/arithmetic/events?limit=1").then().extract().path("data[0].id");
        assertThat(given().accept("text/event-stream")
            .header("Last-Event-ID", last)
            .get("/v1/models/arithmetic/events")
            .then()
            .statusCode(200)
            .extract()
            .asString()).isEmpty();

        // the same files under another name, used where they are
        Path linked = settings.modelSources().allowed().getFirst().resolve("arithmetic");
        register("{\"path\": \"" + linked + "\", \"id\": \"linked\"}").statusCode(200)
            .body("id", is("linked"))
            .body("status", is("ready"));
        String text = complete("arithmetic").statusCode(200).extract().path("choices[0].text");
        complete("linked").statusCode(200).body("choices[0].text", is(text));
        String job = job("arithmetic").statusCode(200).body("model", is("arithmetic")).extract().path("id");
        given().accept("text/event-stream").get("/v1/fine_tuning/jobs/" + job + "/events").then().statusCode(200);
        when().get("/v1/fine_tuning/jobs/" + job)
            .then()
            .body("status", is("succeeded"))
            .body("fine_tuned_model", startsWith("ft:arithmetic:"));

        when().delete("/v1/models/linked").then().statusCode(200).body("deleted", is(true));
        assertThat(linked.resolve("config.json")).exists();
        when().delete("/v1/models/arithmetic").then().statusCode(200);
        assertThat(settings.modelsDirectory().resolve("arithmetic")).doesNotExist();
        complete("arithmetic").statusCode(404).body("error.code", is("model_not_found"));
        when().get("/v1/models/arithmetic/events").then().statusCode(404);
    }

    @Test
    void shouldSayThatAModelIsStillComing() {
        register("{\"model\": \"hf://org/slow\"}").statusCode(200).body("status", is("downloading"));

        when().get("/v1/models").then().body("data.find { it.id == 'slow' }.status", is("downloading"));
        complete("slow").statusCode(409)
            .body("error.code", is("model_downloading"))
            .body("error.message", containsString("The model 'slow' is still being downloaded"));
        job("slow").statusCode(409).body("error.code", is("model_downloading"));
        job("hf://org/slow").statusCode(400)
            .body("error.code", is("model_not_found"))
            .body("error.param", is("model"))
            .body("error.message", containsString("download it with POST /v1/models"));
        when().get(settings.modelSources().endpoint() + "/signal").then().statusCode(200);
        follow("slow");

        complete("slow").statusCode(200);
        when().delete("/v1/models/slow").then().statusCode(200);
    }

    @Test
    void shouldSayWhyAModelCannotBeHad() {
        register("{\"model\": \"hf://org/gated\"}").statusCode(200);
        assertThat(follow("gated").getLast()).contains("\"level\":\"error\"");
        when().get("/v1/models/gated")
            .then()
            .body("status", is("failed"))
            .body("error.code", is("hub_gated"))
            .body("error.message", containsString("accept its licence at "));
        complete("gated").statusCode(409).body("error.code", is("model_failed"));
        register("{\"model\": \"hf://org/pickles\", \"id\": \"pickles\"}").statusCode(200);
        follow("pickles");
        when().get("/v1/models/pickles").then().body("error.code", is("hub_no_safetensors"));
        when().delete("/v1/models/gated").then().statusCode(200);
        when().delete("/v1/models/pickles").then().statusCode(200);
        when().get("/v1/models").then().body("data.id", not(hasItem("gated")));

        register("{\"model\": \"gpt\", \"id\": \"/\", \"more\": 1}").statusCode(400)
            .body("error.errors.param", hasItems("model", "id", "more"));
        register("{\"path\": \"/etc\"}").statusCode(400)
            .body("error.param", is("path"))
            .body("error.message", containsString("d3s.models.allowed"));
    }

    @Test
    void shouldReportEverythingThatIsWrongWithADirectory() throws Exception {
        Path allowed = settings.modelSources().allowed().getFirst();
        Path broken = Files.createDirectories(allowed.resolve("broken"));
        Files.writeString(broken.resolve("config.json"), "{\"model_type\": \"gpt9\"}");

        register("{\"path\": \"" + broken + "\"}").statusCode(400)
            .body("error.code", is("invalid_model"))
            .body("error.message", containsString("gpt9"))
            .body("error.message", containsString("tokenizer.json is missing"))
            .body("error.message", containsString("model.safetensors is missing"));
    }
}

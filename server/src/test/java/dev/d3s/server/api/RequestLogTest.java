package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static io.restassured.RestAssured.when;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

import jakarta.inject.Inject;

import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.job.ScriptedTraining;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;

/** The log as JSON: each line says whose it is. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class RequestLogTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Inject
    ScriptedTraining training;

    @ConfigProperty(name = "quarkus.log.file.path")
    Path log;

    @AfterEach
    void reset() {
        training.reset();
    }

    private List<JsonNode> lines() {
        try {
            List<JsonNode> lines = new ArrayList<>();
            for (String line : Files.readAllLines(log)) {
                lines.add(JSON.readTree(line));
            }
            return lines;
        } catch (IOException e) {
            throw new AssertionError("a line that is not JSON", e);
        }
    }

    private JsonNode line(Predicate<JsonNode> wanted) {
        long limit = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (true) {
            for (JsonNode line : lines()) {
                if (wanted.test(line)) {
                    return line;
                }
            }
            assertThat(System.nanoTime()).as("the line is there in time").isLessThan(limit);
        }
    }

    @Test
    void shouldGiveEachRequestAnId() {
        List<String> ids = new ArrayList<>();
        for (String path : List.of("/v1/models", "/v1/fine_tuning/jobs/ftjob-none", "/nowhere", "/q/health/live")) {
            ids.add(when().get(path).then().extract().header("x-request-id"));
        }
        assertThat(ids).allMatch(id -> id.matches("req_[0-9a-f]{32}")).doesNotHaveDuplicates();
    }

    @Test
    void shouldLogRequestsWithTheirIds() {
        String id = when().get("/v1/fine_tuning/jobs?limit=3").then().statusCode(200).extract().header("x-request-id");

        JsonNode line = line(each -> each.path("message").asText().contains(id));
        assertThat(line.path("message").asText()).contains("GET /v1/fine_tuning/jobs?limit=3", " 200 ");
        assertThat(line.path("mdc").path("request").asText()).isEqualTo(id);
    }

    @Test
    void shouldSayWhoseRunALineIsOf() {
        training.failAt(1, () -> {
            throw new D3sException(ErrorCategory.EXTERNAL, "broken", "It broke on purpose.");
        });
        String file = given()
            .multiPart("file", "rows.jsonl",
                    "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n".getBytes(StandardCharsets.UTF_8))
            .multiPart("purpose", "fine-tune")
            .post("/v1/files")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        String job = given().contentType(ContentType.JSON)
            .body("""
                    {"model": "base", "training_file": "%s", "method": {"type": "reinforcement", "reinforcement": {
                      "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                                 "reference": "{{item.answer}}", "operation": "eq"}, "d3s": {"steps": 3}}}}"""
                .formatted(file))
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(200)
            .extract()
            .path("id");

        JsonNode failure = line(each -> each.path("message").asText().contains("It broke on purpose."));
        assertThat(failure.path("level").asText()).isEqualTo("WARN");
        assertThat(failure.path("mdc").path("job").asText()).isEqualTo(job);
        assertThat(failure.path("mdc").path("organization").asText()).isEqualTo("d3s");
        assertThat(failure.path("mdc").path("step").asText()).isEqualTo("1");
        JsonNode start = line(each -> each.path("message").asText().equals("Job " + job + " runs, from step 0."));
        assertThat(start.path("mdc").path("step").asText()).isEqualTo("0");
    }
}

package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static io.restassured.RestAssured.when;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;

import java.nio.charset.StandardCharsets;
import java.util.List;

import jakarta.inject.Inject;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import dev.d3s.server.eval.ScriptedEvaluation;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.ValidatableResponse;

/** Evaluations and graders over HTTP. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class EvalsResourceTest {
    private static final String GRADER = """
            {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}", "reference": "{{item.answer}}",
             "operation": "eq"}""";

    @Inject
    ScriptedEvaluation evaluation;

    @AfterEach
    void reset() {
        evaluation.reset();
    }

    private static ValidatableResponse post(String path, String body) {
        return given().contentType(ContentType.JSON).body(body).post(path).then();
    }

    private static String request() {
        String file = given().multiPart("purpose", "fine-tune")
            .multiPart("file", "rows.jsonl",
                    "{\"prompt\": \"1+1=\", \"answer\": 2}\n".repeat(5).getBytes(StandardCharsets.UTF_8))
            .post("/v1/files")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        return "{\"model\": \"base\", \"file\": \"" + file + "\", \"n\": 2, \"seed\": 3, \"metadata\": {\"a\": \"b\"}, "
                + "\"sampling\": {\"max_tokens\": 8}, \"grader\": " + GRADER + "}";
    }

    private static JsonPath ended(String id) {
        long limit = System.nanoTime() + 20_000_000_000L;
        while (System.nanoTime() < limit) {
            JsonPath eval = when().get("/v1/evals/" + id).then().statusCode(200).extract().jsonPath();
            if (eval.get("finished_at") != null) {
                return eval;
            }
        }
        throw new AssertionError("The evaluation does not end.");
    }

    @Test
    void shouldEvaluate() {
        evaluation.hold();
        String id = post("/v1/evals", request()).statusCode(200)
            .body("id", startsWith("eval-"))
            .body("object", is("eval.run"))
            .body("error", nullValue())
            .body("progress.total_rows", is(5))
            .body("model", is("base"))
            .body("samples", is(256))
            .body("greedy", is(true))
            .body("n", is(2))
            .body("k", contains(1, 2))
            .body("pass_threshold", is(1.0f))
            .body("sampling.max_tokens", is(8))
            .body("sampling.top_k", is(0))
            .body("grading.timeout_seconds", is(30.0f))
            .body("grader.type", is("string_check"))
            .body("seed", is(3))
            .body("metadata.a", is("b"))
            .extract()
            .path("id");
        when().get("/v1/evals?limit=1").then().body("data.id", contains(id)).body("first_id", is(id));
        evaluation.letGo();
        JsonPath eval = ended(id);
        assertThat(eval.getString("status")).isEqualTo("succeeded");
        assertThat(eval.getDouble("results.accuracy")).isEqualTo(0.6);
        assertThat(eval.getDouble("results.pass_at_2")).isEqualTo(1);
        assertThat(eval.getDouble("results.avg_at_2")).isEqualTo(0.5);
        assertThat(eval.getInt("progress.completed_rows")).isEqualTo(5);

        when().get("/v1/evals/" + id + "/results?limit=2")
            .then()
            .statusCode(200)
            .body("object", is("list"))
            .body("has_more", is(true))
            .body("data.id", contains("evalrow-0", "evalrow-1"))
            .body("data[1].object", is("eval.run.result"))
            .body("data[1].item.answer", is(1))
            .body("data[1].completions.greedy", contains(true, false, false))
            .body("data[1].completions.reward", contains(0.0f, 1.0f, 0.0f))
            .body("data[1].completions.passed", contains(false, true, false))
            .body("data[1].completions.finish_reason", contains("length", "stop", "length"))
            .body("data[1].completions[1].index", is(0))
            .body("data[1].completions[1].reward_parts.format", is(1.0f));
        when().get("/v1/evals/" + id + "/results?after=evalrow-4").then().body("data", empty());

        String lines = given().accept("application/jsonl")
            .get("/v1/evals/" + id + "/results")
            .then()
            .statusCode(200)
            .header("Content-Type", containsString("application/jsonl"))
            .header("Content-Disposition", containsString(id + ".jsonl"))
            .extract()
            .asString();
        assertThat(lines.lines()).hasSize(5)
            .allSatisfy(line -> assertThat(JsonPath.from(line).getList("completions")).hasSize(3));
        assertThat(lines).contains("wr\u00f6ng");

        when().delete("/v1/evals/" + id).then().statusCode(200).body("deleted", is(true));
        when().get("/v1/evals/" + id).then().statusCode(404).body("error.code", is("eval_not_found"));
        when().get("/v1/evals/" + id + "/results").then().statusCode(404);
    }

    @Test
    void shouldCancel() throws InterruptedException {
        evaluation.hold();
        String id = post("/v1/evals", request()).statusCode(200).extract().path("id");
        evaluation.awaitHeld();
        when().delete("/v1/evals/" + id).then().statusCode(409).body("error.code", is("invalid_status"));
        post("/v1/evals/" + id + "/cancel", "").statusCode(200)
            .body("status", is("cancelled"))
            .body("results.rows", is(2));
        post("/v1/evals/" + id + "/cancel", "").statusCode(409);
    }

    @Test
    void shouldReportMistakes() {
        post("/v1/evals", "{\"model\": \"nothing\"}").statusCode(400)
            .body("error.errors.param", hasItems("model", "file", "grader"))
            .body("error.type", is("invalid_request_error"));
        when().get("/v1/evals/none/results").then().statusCode(404);
    }

    @Test
    void shouldRunAGrader() {
        post("/v1/fine_tuning/alpha/graders/run",
                "{\"grader\": " + GRADER + ", \"item\": {\"answer\": 2}, \"model_sample\": \"2\"}")
            .statusCode(200)
            .body("reward", is(1.0f))
            .body("metadata.name", is("exact"))
            .body("metadata.type", is("string_check"))
            .body("metadata.errors.values()", not(hasItem(true)))
            .body("metadata.errors.size()", is(15))
            .body("metadata.token_usage", nullValue())
            .body("metadata.sampled_model_name", nullValue())
            .body("sub_rewards.size()", is(0))
            .body("model_grader_token_usage_per_model.size()", is(0));
        post("/v1/fine_tuning/alpha/graders/run", "{\"grader\": " + GRADER + ", \"model_sample\": \"2\"}")
            .statusCode(200)
            .body("reward", is(0.0f))
            .body("metadata.errors.invalid_variable_error", is(true))
            .body("metadata.errors.other_error", is(false))
            .body("metadata.errors.message", containsString("{{item.answer}}"));
    }

    @Test
    void shouldValidateAGrader() {
        post("/v1/fine_tuning/alpha/graders/validate", "{\"grader\": " + GRADER + "}").statusCode(200)
            .body("grader.operation", is("eq"));
        List<String> params = post("/v1/fine_tuning/alpha/graders/validate",
                "{\"grader\": {\"type\": \"string_check\", \"operation\": \"is\"}}")
            .statusCode(400)
            .extract()
            .path("error.errors.param");
        assertThat(params).contains("grader.operation", "grader.input", "grader.reference");
    }
}

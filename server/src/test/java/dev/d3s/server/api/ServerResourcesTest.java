package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static io.restassured.RestAssured.when;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;

import dev.d3s.server.config.ServerSettings;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.ValidatableResponse;

/** Files, models, completions, plugins, presets, health and OpenAPI over HTTP. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class ServerResourcesTest {
    @Inject
    ScriptedCompletions completions;

    @Inject
    ServerSettings settings;

    private static ValidatableResponse complete(String body) {
        return given().contentType(ContentType.JSON).body(body).post("/v1/completions").then();
    }

    // ---------------------------------------------------------------- files

    @Test
    void shouldStoreServeAndDeleteAFile() {
        String content = "{\"prompt\": \"é\"}\n";
        JsonPath file = given().multiPart("purpose", "fine-tune")
            .multiPart("file", "my rows.jsonl", content.getBytes(StandardCharsets.UTF_8))
            .post("/v1/files")
            .then()
            .statusCode(200)
            .body("object", is("file"))
            .body("bytes", is(17))
            .body("purpose", is("fine-tune"))
            .body("filename", is("my rows.jsonl"))
            .body("status", is("processed"))
            .extract()
            .jsonPath();
        String id = file.getString("id");

        when().get("/v1/files/" + id).then().statusCode(200).body("id", is(id));
        assertThat(given().get("/v1/files/" + id + "/content").then().statusCode(200).extract().asByteArray())
            .isEqualTo(content.getBytes(StandardCharsets.UTF_8));
        when().get("/v1/files?limit=1").then().body("data.id", contains(id)).body("first_id", is(id));
        given().queryParam("after", id).queryParam("order", "asc").get("/v1/files").then().body("data", empty());
        when().get("/v1/files?purpose=other").then().body("data", empty());
        assertThat(settings.filesDirectory().resolve(id)).exists();

        when().delete("/v1/files/" + id).then().statusCode(200).body("deleted", is(true)).body("id", is(id));
        when().get("/v1/files/" + id).then().statusCode(404).body("error.code", is("file_not_found"));
        when().get("/v1/files/" + id + "/content").then().statusCode(404);
        when().delete("/v1/files/" + id).then().statusCode(404);
        assertThat(settings.filesDirectory().resolve(id)).doesNotExist();
    }

    @Test
    void shouldRefuseUploadsThatAreNone() {
        given().multiPart("purpose", "fine-tune")
            .post("/v1/files")
            .then()
            .statusCode(400)
            .body("error.param", is("file"));
        given().multiPart("file", "x.jsonl", new byte[]{'{', '}'})
            .multiPart("purpose", "vision")
            .post("/v1/files")
            .then()
            .statusCode(400)
            .body("error.param", is("purpose"))
            .body("error.message", is("'purpose' must be 'fine-tune', not 'vision'."));
        given().contentType(ContentType.JSON)
            .body("{}")
            .post("/v1/files")
            .then()
            .statusCode(415)
            .body("error.message", containsString("multipart/form-data"));
    }

    @Test
    void shouldRefuseAnUploadAboveTheLimit() {
        given().multiPart("purpose", "fine-tune")
            .multiPart("file", "big.jsonl", new byte[(1 << 20) + 1])
            .post("/v1/files")
            .then()
            .statusCode(413);
        // one that announces its length is refused before it is sent, with words
        given().contentType(ContentType.JSON)
            .body(" ".repeat(1 << 20) + "{}")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(413)
            .body("error.code", is("request_too_large"))
            .body("error.message", containsString("d3s.files.limit"));
        try (Stream<Path> files = Files.list(settings.filesDirectory())) {
            assertThat(files.map(Path::getFileName).map(Path::toString)).noneMatch(name -> name.startsWith("."));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // ---------------------------------------------------------------- models

    @Test
    void shouldServeModels() {
        when().get("/v1/models")
            .then()
            .statusCode(200)
            .body("object", is("list"))
            .body("data.id", hasItem("base"))
            .body("data[0]", hasKey("created"))
            .body("data[0].object", is("model"))
            .body("data[0].owned_by", is("d3s"));
        when().get("/v1/models/base").then().statusCode(200).body("id", is("base"));
        when().get("/v1/models/ft:none")
            .then()
            .statusCode(404)
            .body("error.message",
                    is("There is no model 'ft:none'."));
        when().delete("/v1/models/base").then().statusCode(400).body("error.code", is("base_model"));
        given().urlEncodingEnabled(false).get("/v1/models/..%2Ffiles").then().statusCode(404);
    }

    // ---------------------------------------------------------------- completions

    @Test
    void shouldCompleteEveryFormOfPrompt() {
        complete("{\"model\": \"base\", \"prompt\": \"x\"}").statusCode(200)
            .body("object", is("text_completion"))
            .body("id", startsWith("cmpl-"))
            .body("model", is("base"))
            .body("choices[0].text", is("abcdef"))
            .body("choices[0].index", is(0))
            .body("choices[0].finish_reason", is("stop"))
            .body("choices[0].logprobs", nullValue())
            .body("choices[0]", not(hasKey("token_ids")))
            .body("usage.prompt_tokens", is(1))
            .body("usage.completion_tokens", is(6))
            .body("usage.total_tokens", is(7));
        complete("{\"model\": \"base\", \"prompt\": [\"x\", \"yy\"], \"n\": 2, \"max_tokens\": 3}").statusCode(200)
            .body("choices.index", contains(0, 1, 2, 3))
            .body("choices.text", contains("abc", "abc", "abc", "abc"))
            .body("choices[0].finish_reason", is("length"))
            .body("usage.prompt_tokens", is(3));
        complete("{\"model\": \"base\", \"prompt\": [104, 105], \"echo\": true, \"return_token_ids\": true}")
            .body("choices[0].text", is("hiabcdef"))
            .body("choices[0].prompt_token_ids", contains(104, 105))
            .body("choices[0].token_ids", contains(97, 98, 99, 100, 101, 102));
        complete("{\"model\": \"base\", \"prompt\": [[104], [105]], \"stop\": [\"c\", \"e\"], \"logprobs\": 1}")
            .body("choices.text", contains("ab", "ab"))
            .body("choices[0].logprobs.tokens", contains("a", "b"))
            .body("choices[0].logprobs.token_logprobs", contains(-0.5f, -0.5f))
            .body("choices[0].logprobs.top_logprobs[1].b", is(-0.5f))
            .body("choices[0].logprobs.text_offset", contains(0, 1));
    }

    @Test
    void shouldStreamCompletions() {
        String stream = complete(
                "{\"model\": \"base\", \"prompt\": \"x\", \"max_tokens\": 2, \"echo\": true, \"stream\": true, "
                        + "\"stream_options\": {\"include_usage\": true}}")
            .statusCode(200)
            .contentType("text/event-stream")
            .extract()
            .asString();
        List<String> data = stream.lines().filter(line -> !line.isEmpty()).toList();
        assertThat(data).allMatch(line -> line.startsWith("data: ")).endsWith("data: [DONE]").hasSize(6);
        List<JsonPath> chunks = data.subList(0, 5).stream().map(line -> JsonPath.from(line.substring(6))).toList();
        assertThat(chunks).extracting(chunk -> chunk.getString("choices[0].text"))
            .containsExactly("x", "a", "b", "",
                    null);
        assertThat(chunks).extracting(chunk -> chunk.getString("choices[0].finish_reason"))
            .containsExactly(null, null,
                    null, "length", null);
        assertThat(chunks.getLast().getInt("usage.total_tokens")).isEqualTo(3);
    }

    @Test
    void shouldRefuseMistakenCompletions() {
        complete(
                "{\"model\": \"base\", \"prompt\": \"x\", \"n\": 0, \"temperature\": 3, \"top_p\": \"all\", \"stop\": [1], "
                        + "\"stream\": \"yes\", \"best_of\": 4}")
            .statusCode(400)
            .body("error.errors.param",
                    contains("n", "temperature", "top_p", "stop", "best_of", "stream"));
        complete("{}").statusCode(400).body("error.errors.param", contains("model", "prompt"));
        complete("{\"model\": \"base\", \"prompt\": [1, \"x\"]}").statusCode(400).body("error.param", is("prompt"));
        complete("{\"model\": \"nobody\", \"prompt\": \"x\"}").statusCode(404)
            .body("error.code", is("model_not_found"));
        for (String stream : List.of("false", "true")) {
            complete("{\"model\": \"base\", \"prompt\": \"" + "x".repeat(64) + "\", \"stream\": " + stream + "}")
                .statusCode(400)
                .body("error.code", is("context_length_exceeded"))
                .body("error.message", startsWith("The prompt has 64 tokens"));
        }
    }

    @Test
    void shouldScorePromptsAndListLikeliestTokens() {
        complete("{\"model\": \"base\", \"prompt\": \"hi\", \"max_tokens\": 0, \"echo\": true, \"logprobs\": 2}")
            .statusCode(200)
            .body("choices[0].text", is("hi"))
            .body("choices[0].logprobs.tokens", contains("h", "i"))
            .body("choices[0].logprobs.token_logprobs", contains(null, -0.5f))
            .body("choices[0].logprobs.top_logprobs[0]", nullValue())
            .body("choices[0].logprobs.top_logprobs[1].z", is(-0.25f))
            .body("choices[0].logprobs.top_logprobs[1].i", is(-0.5f))
            .body("system_fingerprint", is("weights-1"));
        complete("{\"model\": \"base\", \"prompt\": \"hi\", \"best_of_all\": 1, \"user\": \"me\"}").statusCode(400)
            .body("error.code", is("unknown_parameter"))
            .body("error.param", is("best_of_all"));
    }

    // ---------------------------------------------------------------- conversations

    private static ValidatableResponse chat(String content, String more) {
        return given().contentType(ContentType.JSON)
            .body("{\"model\": \"base\", \"messages\": [{\"role\": \"user\", \"content\": " + content + "}]" + more
                    + "}")
            .post("/v1/chat/completions")
            .then();
    }

    @Test
    void shouldAnswerInAConversation() {
        chat("[{\"type\": \"text\", \"text\": \"he\"}, {\"type\": \"text\", \"text\": \"llo\"}]",
                ", \"logprobs\": true, \"top_logprobs\": 1, \"n\": 2, \"max_completion_tokens\": 4")
            .statusCode(200)
            .body("object", is("chat.completion"))
            .body("id", startsWith("chatcmpl-"))
            .body("choices.message.content", contains("hell", "hell"))
            .body("choices[0].message.role", is("assistant"))
            .body("choices[0].finish_reason", is("length"))
            .body("choices[0].logprobs.content.token", contains("h", "e", "l", "l"))
            .body("choices[0].logprobs.content[0].bytes", contains(104))
            .body("choices[0].logprobs.content[0].top_logprobs[0].token", is("z"))
            .body("usage.completion_tokens", is(8));
    }

    @Test
    void shouldGiveCallsOfTools() {
        String tools = ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"sum\"}}]";
        String call = "\"<tool_call>{\\\"name\\\": \\\"sum\\\", \\\"arguments\\\": {\\\"a\\\": 1}}</tool_call>\"";
        chat(call, tools).statusCode(200)
            .body("choices[0].finish_reason", is("tool_calls"))
            .body("choices[0].message.content", nullValue())
            .body("choices[0].message.tool_calls[0].type", is("function"))
            .body("choices[0].message.tool_calls[0].function.name", is("sum"))
            .body("choices[0].message.tool_calls[0].function.arguments", is("{\"a\":1}"));
        chat(call, tools + ", \"tool_choice\": \"none\"").body("choices[0].finish_reason", is("stop"))
            .body("choices[0].message.content", startsWith("<tool_call>"));
        assertThat(chat(call, tools + ", \"stream\": true").extract().asString())
            .contains("\"tool_calls\":[{\"index\":0,\"id\":\"call_")
            .contains("\"finish_reason\":\"tool_calls\"")
            .doesNotContain("<tool_call>");
    }

    @Test
    void shouldRefuseMistakenConversations() {
        chat("[{\"type\": \"image_url\"}]", ", \"response_format\": {\"type\": \"json_object\"}, \"top_logprobs\": 3,"
                + " \"tool_choice\": \"required\", \"temperature\": 9, \"colour\": \"red\"")
            .statusCode(400)
            .body("error.errors.param", containsInAnyOrder("messages[0].content[0]", "response_format", "top_logprobs",
                    "tool_choice", "temperature", "colour"));
        given().contentType(ContentType.JSON)
            .body("{\"model\": \"base\", \"messages\": [{\"role\": \"robot\", \"content\": 1}]}")
            .post("/v1/chat/completions")
            .then()
            .statusCode(400)
            .body("error.errors.param", contains("messages[0].role", "messages[0].content"));
        chat("\"busy\"", "").statusCode(429).header("Retry-After", "2").body("error.code", is("server_busy"));
    }

    @Test
    void shouldNoticeAClientThatGoesAwayBeforeItsAnswer() throws Exception {
        String body = "{\"model\": \"base\", \"messages\": [{\"role\": \"user\", \"content\": \"wait\"}]}";
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), RestAssured.port)) {
            socket.getOutputStream()
                .write(("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        + "Content-Length: " + body.length() + "\r\n\r\n" + body)
                    .getBytes(StandardCharsets.UTF_8));
            socket.getOutputStream().flush();
            assertThat(completions.waiting.tryAcquire(1, TimeUnit.MINUTES)).isTrue();
        }
        assertThat(completions.gone.poll(1, TimeUnit.MINUTES)).isEqualTo("wait");
    }

    // ---------------------------------------------------------------- plugins, presets, health, OpenAPI

    @Test
    void shouldDescribePluginsAndPresets() {
        when().get("/v1/plugins")
            .then()
            .statusCode(200)
            .body("object", is("list"))
            .body("data.find { it.name == 'd3s-cross' }.kind", is("rollout_selector"))
            .body("data.find { it.name == 'd3s-cross' }.config_schema.type", is("object"))
            .body("data.find { it.name == 'linear' }.kind", is("schedule"))
            .body("data.find { it.name == 'string_check' }.kind", is("reward_function"));
        when().get("/v1/presets")
            .then()
            .statusCode(200)
            .body("data.name", hasItems("grpo", "d1s-cross", "d3s"))
            .body("data[0].rollouts.selector.name", is("all"))
            .body("data.find { it.name == 'd3s' }.rollouts.selector.name", is("d3s-cross"))
            .body("data.find { it.name == 'd3s' }.rollouts.keep.from", is(0.25f))
            .body("data.find { it.name == 'd3s' }.tokens.schedule.name", is("linear"));
    }

    @Test
    void shouldBeReady() {
        when().get("/q/health/ready")
            .then()
            .statusCode(200)
            .body("status", is("UP"))
            .body("checks.name", hasItems("jobs", "home", "engines", "degraded"))
            .body("checks.find { it.name == 'degraded' }.status", is("UP"));
    }

    /** Restarting a server whose database is away mends nothing. */
    @Test
    void shouldBeAliveWhateverItsDatabaseDoes() {
        when().get("/q/health/live")
            .then()
            .statusCode(200)
            .body("status", is("UP"))
            .body("checks.name", contains("process"));
    }

    @Test
    void shouldCountWhatItServes() {
        complete("{\"model\": \"base\", \"prompt\": \"hi\"}").statusCode(200);
        when().get("/q/metrics")
            .then()
            .statusCode(200)
            .body(containsString("d3s_jobs{status=\"queued\"}"))
            .body(containsString("d3s_serving_waiting_completions"))
            .body(containsString("d3s_plugin_failures_total{kind=\"reward_function\",plugin=\"string_check\"}"))
            .body(containsString("d3s_database_read_seconds_count"))
            .body(containsString("http_server_requests_seconds_count"));
    }

    @Test
    void shouldDescribeItself() {
        JsonPath openApi = given().queryParam("format", "json")
            .get("/q/openapi")
            .then()
            .statusCode(200)
            .extract()
            .jsonPath();
        assertThat(openApi.getMap("paths").keySet().stream().map(Object::toString)).contains("/v1/files",
                "/v1/files/{id}", "/v1/files/{id}/content", "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{id}",
                "/v1/fine_tuning/jobs/{id}/cancel", "/v1/fine_tuning/jobs/{id}/pause",
                "/v1/fine_tuning/jobs/{id}/resume", "/v1/fine_tuning/jobs/{id}/events",
                "/v1/fine_tuning/jobs/{id}/checkpoints", "/v1/fine_tuning/jobs/{id}/metrics", "/v1/models",
                "/v1/models/{id}", "/v1/completions", "/v1/chat/completions", "/v1/plugins", "/v1/presets");
        assertThat(openApi.getMap("components.schemas.FineTuningJob.properties")
            .keySet()
            .stream()
            .map(Object::toString)).contains("created_at", "trained_tokens", "estimated_finish");
    }
}

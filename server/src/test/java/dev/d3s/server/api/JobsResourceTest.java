package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static io.restassured.RestAssured.when;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import jakarta.inject.Inject;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import dev.d3s.server.job.ScriptedTraining;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.ValidatableResponse;

@QuarkusTest
@TestProfile(ScriptedServer.class)
class JobsResourceTest {
    private static final String ROW = "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n";
    private static final String GRADER = "\"grader\": {\"type\": \"string_check\", \"input\": "
            + "\"{{sample.output_text}}\", \"reference\": \"{{item.answer}}\", \"operation\": \"eq\"}";

    @Inject
    ScriptedTraining training;

    @TestHTTPResource("/")
    URI base;

    @AfterEach
    void reset() {
        training.reset();
    }

    static String upload(String content) {
        return given().multiPart("file", "rows.jsonl", content.getBytes(StandardCharsets.UTF_8))
            .multiPart("purpose", "fine-tune")
            .post("/v1/files")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
    }

    private static String body(String d3s) {
        return body(upload(ROW), d3s);
    }

    private static String body(String file, String d3s) {
        return "{\"model\": \"base\", \"training_file\": \"" + file + "\", \"seed\": 7, \"suffix\": \"demo\", "
                + "\"metadata\": {\"team\": \"reasoning\"}, \"method\": {\"type\": \"reinforcement\", "
                + "\"reinforcement\": {" + GRADER + ", \"d3s\": " + d3s + "}}}";
    }

    private static ValidatableResponse post(String body) {
        return given().contentType(ContentType.JSON).body(body).post("/v1/fine_tuning/jobs").then();
    }

    private static String created(String d3s) {
        return post(body(d3s)).statusCode(200).extract().path("id");
    }

    /** The live stream of a job up to its end. */
    private static String stream(String id) {
        return given().accept("text/event-stream")
            .get("/v1/fine_tuning/jobs/" + id + "/events")
            .then()
            .statusCode(200)
            .contentType("text/event-stream")
            .extract()
            .asString();
    }

    @Test
    void shouldCreateAJobAndShowItExpanded() {
        training.hold();
        JsonPath job = post(body("{\"steps\": 3, \"rollouts\": {\"keep\": 0.5}}")).statusCode(200)
            .contentType(ContentType.JSON)
            .extract()
            .jsonPath();

        assertThat(job.getMap("")).containsKeys("id", "object", "created_at", "error", "finished_at",
                "fine_tuned_model",
                "hyperparameters", "model", "organization_id", "result_files", "status", "trained_tokens",
                "training_file", "validation_file", "seed", "estimated_finish", "method", "metadata");
        assertThat(job.getString("object")).isEqualTo("fine_tuning.job");
        assertThat(job.getString("id")).startsWith("ftjob-");
        assertThat(job.getString("organization_id")).isEqualTo("d3s");
        assertThat(job.getMap("hyperparameters"))
            .isEqualTo(Map.of("n_epochs", 1, "batch_size", 16, "learning_rate_multiplier", 1.0f));
        assertThat(job.getString("metadata.team")).isEqualTo("reasoning");
        assertThat(job.getString("method.reinforcement.d3s.preset")).isEqualTo("d3s");
        assertThat(job.getString("method.reinforcement.d3s.rollouts.selector.name")).isEqualTo("d3s-cross");
        assertThat(job.getString("method.reinforcement.d3s.rollouts.selector.config.pool")).isEqualTo("batch");
        assertThat(job.getFloat("method.reinforcement.d3s.rollouts.keep.from")).isEqualTo(0.5f);
        assertThat(job.getFloat("method.reinforcement.d3s.tokens.keep.to")).isEqualTo(1f);
        assertThat(job.getFloat("method.reinforcement.d3s.optimizer.beta2")).isEqualTo(0.999f);

        String id = job.getString("id");
        training.letGo();
        stream(id);
        when().get("/v1/fine_tuning/jobs/" + id)
            .then()
            .statusCode(200)
            .body("status", is("succeeded"))
            .body("fine_tuned_model", startsWith("ft:base:d3s:demo:"))
            .body("trained_tokens", is(30))
            .body("error", nullValue())
            .body("d3s.completed_steps", is(3))
            .body("$", hasKey("finished_at"));
    }

    @Test
    void shouldListJobsPageByPage() {
        List<String> ids = IntStream.range(0, 3).mapToObj(index -> created("{\"steps\": 1}")).toList();

        JsonPath first = when().get("/v1/fine_tuning/jobs?limit=2")
            .then()
            .statusCode(200)
            .body("object", is("list"))
            .body("has_more", is(true))
            .extract()
            .jsonPath();
        assertThat(first.getList("data.id", String.class)).containsExactly(ids.get(2), ids.get(1));
        assertThat(first.getString("first_id")).isEqualTo(ids.get(2));
        assertThat(first.getString("last_id")).isEqualTo(ids.get(1));
        given().queryParam("after", ids.get(1))
            .queryParam("limit", 1)
            .get("/v1/fine_tuning/jobs")
            .then()
            .body("data.id", contains(ids.get(0)));
        given().queryParam("after", "ftjob-0")
            .get("/v1/fine_tuning/jobs")
            .then()
            .statusCode(200)
            .body("data", empty())
            .body("has_more", is(false))
            .body("first_id", nullValue());
        given().queryParam("metadata[team]", "reasoning")
            .queryParam("limit", 1)
            .get("/v1/fine_tuning/jobs")
            .then()
            .body("data.id", contains(ids.get(2)));
        given().queryParam("metadata[team]", "other").get("/v1/fine_tuning/jobs").then().body("data", empty());
        when().get("/v1/fine_tuning/jobs?limit=0").then().statusCode(400).body("error.param", is("limit"));
    }

    @Test
    void shouldServeEventsCheckpointsAndMetrics() {
        String id = created("{\"steps\": 4, \"checkpoint\": {\"interval\": 2}}");
        stream(id);

        String path = "/v1/fine_tuning/jobs/" + id;
        JsonPath events = when().get(path + "/events?limit=3")
            .then()
            .statusCode(200)
            .body("object", is("list"))
            .body("has_more", is(true))
            .body("data[0].message", startsWith("The job has succeeded"))
            .body("data[0].object", is("fine_tuning.job.event"))
            .body("data[0].level", is("info"))
            .body("data[0].type", is("message"))
            .extract()
            .jsonPath();
        given().queryParam("after", events.getString("last_id"))
            .get(path + "/events")
            .then()
            .body("has_more", is(false))
            .body("data.message", hasItems("The job has started.", "Before training: accuracy 0.2500"))
            .body("data.find { it.type == 'metrics' }.data.total_steps", is(4));
        when().get(path + "/checkpoints")
            .then()
            .body("data.step_number", contains(4, 2))
            .body("data[0].object", is("fine_tuning.job.checkpoint"))
            .body("data[0].fine_tuning_job_id", is(id))
            .body("data[0].metrics.step", is(4f))
            .body("data[0].metrics.trained_tokens", is(40f))
            .body("data[1].fine_tuned_model_checkpoint", containsString(":ckpt-step-2"));
        String last = when().get(path + "/checkpoints").then().extract().path("last_id");
        given().queryParam("after", last).get(path + "/checkpoints").then().body("data", empty());
        when().get(path + "/metrics?names=reward_mean,accuracy")
            .then()
            .statusCode(200)
            .body("object", is("fine_tuning.job.metrics"))
            .body("steps", contains(-1, 0, 1, 2, 3))
            .body("metrics.reward_mean", contains(null, 0.0f, 0.1f, 0.2f, 0.3f))
            .body("metrics.accuracy", contains(0.25f, null, null, null, null));
        String csv = given().accept("text/csv")
            .queryParam("from_step", 2)
            .get(path + "/metrics")
            .then()
            .contentType("text/csv")
            .extract()
            .asString();
        assertThat(csv).isEqualTo("step,reward_mean,trained_tokens\n2,0.2,30.0\n3,0.30000000000000004,40.0\n");
    }

    @Test
    void shouldServeTheRolloutsOfARecordedStep() {
        String id = created("{\"steps\": 4}");
        stream(id);
        String path = "/v1/fine_tuning/jobs/" + id + "/rollouts";

        JsonPath newest = when().get(path).then().statusCode(200).contentType(ContentType.JSON).extract().jsonPath();
        assertThat(newest.getString("object")).isEqualTo("list");
        assertThat(newest.getInt("step")).isEqualTo(2);
        assertThat(newest.getList("steps", Integer.class)).containsExactly(0, 2);
        assertThat(newest.getList("data.id", String.class)).containsExactly("rollout-2-0-0", "rollout-2-0-1",
                "rollout-2-1-0", "rollout-2-1-1");
        assertThat(newest.getMap("data[0]")).containsKeys("reward", "error", "trained_advantage")
            .containsEntry("object", "fine_tuning.job.rollout")
            .containsEntry("step", 2)
            .containsEntry("group", 0)
            .containsEntry("index", 0)
            .containsEntry("prompt", "step 2 'a' & \"b\" =")
            .containsEntry("completion", "<script>alert(1)</script>\u20ac")
            .containsEntry("finish_reason", "length")
            .containsEntry("completion_tokens", 3)
            .containsEntry("truncated", true)
            .containsEntry("kept", true);
        assertThat(newest.getFloat("data[0].advantage")).isEqualTo(-1.5f);
        assertThat(newest.getFloat("data[0].trained_advantage")).isEqualTo(-1.25f);
        assertThat(newest.getMap("data[0].tokens[0]")).isEqualTo(Map.of("id", 7, "text", "<script>alert(1)</script>",
                "logprob", -0.25f, "entropy", 1.5f, "kept", true, "weight", 2.5f));
        assertThat(newest.getMap("data[1]")).containsEntry("error", "<b>no</b> reward")
            .containsEntry("reward", null)
            .containsEntry("trained_advantage", null);

        JsonPath page = when().get(path + "?step=0&limit=3").then().body("has_more", is(true)).extract().jsonPath();
        assertThat(page.getString("first_id")).isEqualTo("rollout-0-0-0");
        when().get(path + "?limit=3&after=" + page.getString("last_id"))
            .then()
            .body("step", is(0))
            .body("has_more", is(false))
            .body("data.id", contains("rollout-0-1-1"));
        when().get(path + "?step=0&after=rollout-0-1-1").then().body("data", empty()).body("first_id", nullValue());
    }

    @Test
    void shouldNameTheNearestRecordedStepsAndRefuseWhatIsNoStep() {
        String id = created("{\"steps\": 4}");
        stream(id);
        String path = "/v1/fine_tuning/jobs/" + id + "/rollouts";
        when().get(path + "?step=1")
            .then()
            .statusCode(404)
            .body("error.code", is("rollouts_not_found"))
            .body("error.message", is("No rollouts of step 1 of job '" + id
                    + "' are recorded; the nearest recorded: 0 and 2."));
        when().get(path + "?step=3").then().statusCode(404).body("error.message", containsString("recorded: 2."));
        for (String step : List.of("-1", "two", "1.5")) {
            when().get(path + "?step=" + step).then().statusCode(400).body("error.param", is("step"));
        }
        for (String after : List.of("rollout-2-5-0", "rollout-x-0-0", "2", "rollout-2-0-0&step=0")) {
            when().get(path + "?after=" + after).then().statusCode(400).body("error.param", is("after"));
        }
        when().get(path + "?limit=0").then().statusCode(400).body("error.param", is("limit"));
    }

    @Test
    void shouldShowRolloutsAsAPageOnWhichNothingIsMarkup() {
        String id = created("{\"steps\": 5}");
        stream(id);
        String path = "/v1/fine_tuning/jobs/" + id + "/rollouts";
        String page = given().accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .get(path + "?step=2")
            .then()
            .statusCode(200)
            .contentType("text/html;charset=UTF-8")
            .header("Content-Security-Policy", is("default-src 'none'; style-src 'unsafe-inline'"))
            .extract()
            .asString();
        assertThat(page).doesNotContain("<script", "<b>no</b>")
            .contains("&lt;script&gt;alert(1)&lt;/script&gt;</i>", "&lt;b&gt;no&lt;/b&gt; reward",
                    "step 2 &#39;a&#39; &amp; &quot;b&quot; =")
            .contains("<a href=\"?step=0\">previous</a>", "<a href=\"?step=4\">next</a>",
                    "<option selected>2</option>")
            .contains("#0 kept", "reward 0.5", "advantage \u22121.50", "trained with \u22121.25", "1 of 3 tokens kept")
            .contains("#1 dropped", "no reward", "weight 2.5")
            .contains("<i class=\"x h3\" title=\"|advantage| \u00d7 entropy 0.1250")
            .contains("\u20ac</i>");
        assertThat(given().accept("text/html").get(path + "?step=2&limit=1").asString())
            .contains("?step=2&amp;after=rollout-2-0-0\">More rollouts");

        training.hold();
        String waiting = created("{\"steps\": 1}");
        String none = "/v1/fine_tuning/jobs/" + waiting + "/rollouts";
        when().get(none).then().statusCode(200).body("data", empty()).body("steps", empty()).body("step", nullValue());
        assertThat(given().accept("text/html").get(none).asString()).contains("No rollouts are recorded");
    }

    @Test
    void shouldStreamEventsLiveAndContinueAfterTheLastEventSeen() {
        String id = created("{\"steps\": 2}");
        String all = stream(id);

        List<String> ids = all.lines().filter(line -> line.startsWith("id: ")).map(line -> line.substring(4)).toList();
        List<String> messages = all.lines()
            .filter(line -> line.startsWith("data: "))
            .map(line -> JsonPath.from(line.substring(6)).getString("message"))
            .toList();
        assertThat(messages).startsWith("The job is queued: 2 steps from model base.", "The job has started.")
            .contains("Step 2/2: reward mean 0.1000")
            .hasSize(ids.size());
        assertThat(messages.getLast()).startsWith("The job has succeeded");
        String rest = given().accept("text/event-stream")
            .header("Last-Event-ID", ids.get(2))
            .get("/v1/fine_tuning/jobs/" + id + "/events")
            .then()
            .extract()
            .asString();
        assertThat(rest).isEqualTo(all.substring(all.indexOf("id: " + ids.get(3))));
    }

    @Test
    void shouldShowWhatAJobNeedsWithoutCreatingIt() {
        int before = given().queryParam("limit", 1000).get("/v1/fine_tuning/jobs").jsonPath().getList("data").size();

        JsonPath plan = given().contentType(ContentType.JSON)
            .body(body("{\"steps\": 3, \"resources\": {\"rollout_slots\": 6}}"))
            .post("/v1/fine_tuning/jobs?dry_run=true")
            .then()
            .statusCode(200)
            .extract()
            .jsonPath();

        assertThat(plan.getString("object")).isEqualTo("fine_tuning.job.plan");
        assertThat(plan.getInt("steps")).isEqualTo(3);
        assertThat(plan.getInt("method.reinforcement.d3s.resources.rollout_slots")).isEqualTo(6);
        assertThat(plan.getLong("memory.limit_bytes")).isEqualTo(2L << 30);
        long phases = plan.getLong("memory.phases.held.bytes") + plan.getLong("memory.phases.rollout.bytes")
                + plan.getLong("memory.phases.update.bytes");
        assertThat(plan.getLong("memory.peak_bytes")).isEqualTo(phases);
        assertThat(plan.getMap("memory.phases.held.parts")).containsKeys("weights", "optimizer_moments",
                "key_value_cache");
        assertThat(given().queryParam("limit", 1000).get("/v1/fine_tuning/jobs").jsonPath().getList("data"))
            .hasSize(before);
    }

    @Test
    void shouldSayAboutADryRunWhatItSaysAboutAJob() {
        String tooLarge = body("{\"resources\": {\"rollout_slots\": 4096}, \"sampling\": {\"max_tokens\": 900}}");
        for (String query : new String[]{"", "?dry_run=true"}) {
            given().contentType(ContentType.JSON)
                .body(tooLarge)
                .post("/v1/fine_tuning/jobs" + query)
                .then()
                .statusCode(400)
                .body("error.code", is("insufficient_memory"));
        }
        given().contentType(ContentType.JSON)
            .body(tooLarge)
            .post("/v1/fine_tuning/jobs?dry_run=maybe")
            .then()
            .statusCode(400)
            .body("error.param", is("dry_run"));
    }

    @Test
    void shouldSendEventsWhileTheJobStillRuns() throws Exception {
        training.hold();
        String id = created("{\"steps\": 1}");
        training.awaitHeld();
        HttpRequest request = HttpRequest.newBuilder(base.resolve("/v1/fine_tuning/jobs/" + id + "/events"))
            .header("Accept", "text/event-stream")
            .build();
        try (HttpClient http = HttpClient.newHttpClient();
                Stream<String> lines = http.send(request, HttpResponse.BodyHandlers.ofLines()).body()) {
            Iterator<String> stream = lines.iterator();
            List<String> early = new ArrayList<>();
            // a heartbeat comes only while the stream waits for the job, which stands at the gate
            do {
                early.add(stream.next());
            } while (!early.getLast().equals(": quiet"));
            assertThat(String.join("", early)).contains("The job has started.").doesNotContain("succeeded");

            training.letGo();
            List<String> late = new ArrayList<>();
            stream.forEachRemaining(late::add);
            assertThat(String.join("", late)).contains("The job has succeeded");
        }
    }

    @Test
    void shouldCancelPauseAndResume() throws Exception {
        training.hold();
        String running = created("{\"steps\": 5}");
        training.awaitHeld();
        String queued = created("{\"steps\": 1}");

        when().post("/v1/fine_tuning/jobs/" + queued + "/cancel")
            .then()
            .statusCode(200)
            .body("status", is("cancelled"));
        when().post("/v1/fine_tuning/jobs/" + queued + "/cancel")
            .then()
            .statusCode(409)
            .body("error.type", is("invalid_request_error"))
            .body("error.code", is("invalid_status"))
            .body("error.message", containsString("is cancelled"));
        String waiting = created("{\"steps\": 1}");
        when().post("/v1/fine_tuning/jobs/" + waiting + "/pause").then().statusCode(200).body("status", is("paused"));
        when().post("/v1/fine_tuning/jobs/" + running + "/resume").then().statusCode(409);
        when().post("/v1/fine_tuning/jobs/" + running + "/cancel").then().statusCode(200);
        assertThat(stream(running)).contains("The job was cancelled.");
        training.letGo();
        when().post("/v1/fine_tuning/jobs/" + waiting + "/resume").then().statusCode(200);
        assertThat(stream(waiting)).contains("The job has succeeded");
        when().post("/v1/fine_tuning/jobs/" + waiting + "/cancel").then().statusCode(409);
    }

    // ---------------------------------------------------------------- mistakes

    @Test
    void shouldNameAnUnknownSelectorAndTheKnownOnes() {
        post(body("{\"rollouts\": {\"selector\": \"best\"}}")).statusCode(400)
            .body("error.param", is("method.reinforcement.d3s.rollouts.selector"))
            .body("error.code", is("unknown_plugin"))
            .body("error.type", is("invalid_request_error"))
            .body("error.message",
                    is("There is no rollout selector 'best'; known: all, d3s-auto, d3s-cross, d3s-intra, "
                            + "max-abs-advantage, max-reward, pods, random."));
    }

    @Test
    void shouldRefuseAKeepRatioOfZero() {
        post(body("{\"tokens\": {\"keep\": {\"from\": 0, \"to\": 1}}}")).statusCode(400)
            .body("error.param", is("method.reinforcement.d3s.tokens.keep.from"))
            .body("error.message", is("'method.reinforcement.d3s.tokens.keep.from' is 0 but must be a number above 0 "
                    + "to 1."));
    }

    @Test
    void shouldNameAMissingFile() {
        post(body("file-missing", "{}")).statusCode(400)
            .body("error.param", is("training_file"))
            .body("error.code", is("file_not_found"))
            .body("error.message", containsString("upload one with POST /v1/files"));
    }

    @Test
    void shouldNameTheMalformedRow() {
        String rows = IntStream.rangeClosed(1, 5000)
            .mapToObj(line -> line == 4711 ? "{\"prompt\": \"1+\n" : ROW)
            .collect(Collectors.joining());
        post(body(upload(rows), "{}")).statusCode(400)
            .body("error.param", is("training_file"))
            .body("error.code", is("invalid_dataset"))
            .body("error.message", startsWith("Line 4711 "));
    }

    @Test
    void shouldRefuseAPromptLongerThanTheContext() {
        String file = upload(ROW + "{\"prompt\": \"" + "1".repeat(900) + "\"}\n");
        post(body(file, "{\"sampling\": {\"max_tokens\": 200}}")).statusCode(400)
            .body("error.param", is("training_file"))
            .body("error.message", is("Line 2: the prompt has 900 tokens; with max_tokens 200 it does not fit into the "
                    + "context of 1024."));
    }

    @Test
    void shouldRefuseAModelWithoutTokenizer() {
        post(body("{}").replace("\"base\"", "\"no-tokenizer\"")).statusCode(400)
            .body("error.param", is("model"))
            .body("error.code", is("invalid_model"))
            .body("error.message", is("The model 'no-tokenizer' has no tokenizer.json; add the one it was trained "
                    + "with."));
    }

    @Test
    void shouldReportAllMistakesAtOnce() {
        JsonPath error = post("""
                {"model": "nobody", "training_file": "file-missing", "colour": "red", "seed": "seven",
                 "method": {"type": "reinforcement", "reinforcement": {
                   "grader": {"type": "python", "source": "..."},
                   "hyperparameters": {"batch_size": "auto", "n_epochs": 0},
                   "d3s": {"stepz": 3, "rollouts": {"keep": 0, "schedule": "steep"},
                           "tokens": {"selector": {"name": "advantage-entropy", "config": {"scope": "line", "x": 1}}},
                           "objective": {"name": "ppo"}, "optimizer": "adam"}}}}""").statusCode(400)
            .extract()
            .jsonPath();

        assertThat(error.getList("error.errors.param", String.class)).containsExactlyInAnyOrder("model",
                "training_file", "colour", "seed", "method.reinforcement.grader.type",
                "method.reinforcement.hyperparameters.n_epochs", "method.reinforcement.d3s.stepz",
                "method.reinforcement.d3s.rollouts.keep", "method.reinforcement.d3s.rollouts.schedule",
                "method.reinforcement.d3s.tokens.selector.config.scope",
                "method.reinforcement.d3s.tokens.selector.config.x", "method.reinforcement.d3s.objective.name",
                "method.reinforcement.d3s.optimizer");
        assertThat(error.getString("error.param")).isEqualTo(error.getString("error.errors[0].param"));
        assertThat(error.getString("error.message")).startsWith("13 mistakes: (1) ")
            .contains("(13) ")
            .contains("Put the reward behind a URL for a grader of type 'http'")
            .contains("Unknown member 'stepz' in 'method.reinforcement.d3s'; known members: preset, group_size,");
    }

    @Test
    void shouldNameAnUnknownSelectorAnEmptySelectionAMissingFileAndAGraderWithoutOperationTogether() {
        String request = body("file-missing", "{\"rollouts\": {\"selector\": \"best\", \"keep\": 0}}");
        JsonPath error = post(request.replace(", \"operation\": \"eq\"", "")).statusCode(400).extract().jsonPath();

        assertThat(error.getList("error.errors.param", String.class)).containsExactlyInAnyOrder("training_file",
                "method.reinforcement.grader.operation", "method.reinforcement.d3s.rollouts.selector",
                "method.reinforcement.d3s.rollouts.keep");
        assertThat(error.getList("error.errors.code", String.class)).containsExactlyInAnyOrder("file_not_found",
                "invalid_config", "unknown_plugin", "invalid_value");
        assertThat(error.getString("error.message")).startsWith("4 mistakes: (1) ")
            .contains("There is no file 'file-missing'", "Key 'operation' is required: eq: equal",
                    "There is no rollout selector 'best'; known: all, d3s-auto, d3s-cross, d3s-intra, "
                            + "max-abs-advantage, max-reward, pods, random.",
                    "'method.reinforcement.d3s.rollouts.keep' is 0 but must be a number above 0 to 1.");
    }

    @Test
    void shouldSayWhereTheJsonIsBroken() {
        post("{\"model\": \"base\",\n \"training_file\" \"x\"}").statusCode(400)
            .body("error.code", is("invalid_json"))
            .body("error.param", nullValue())
            .body("error.message", startsWith("The request is not JSON, at line 2, column "));
        post("").statusCode(400).body("error.code", is("invalid_json"));
        post("[1]").statusCode(400).body("error.code", is("invalid_type"));
    }

    @Test
    void shouldAnswerUnknownIdsPathsMethodsAndTypesInTheSameShape() {
        for (String path : List.of("", "/events", "/checkpoints", "/metrics", "/rollouts", "/rollouts?step=3")) {
            when().get("/v1/fine_tuning/jobs/ftjob-none" + path)
                .then()
                .statusCode(404)
                .body("error.message", is("There is no job 'ftjob-none'."))
                .body("error.code", is("job_not_found"));
        }
        given().accept("text/event-stream")
            .get("/v1/fine_tuning/jobs/ftjob-none/events")
            .then()
            .statusCode(404)
            .body("error.code", is("job_not_found"));
        when().post("/v1/fine_tuning/jobs/ftjob-none/cancel").then().statusCode(404);
        when().get("/v1/nothing").then().statusCode(404).body("error.message", containsString("/v1/nothing"));
        when().delete("/v1/fine_tuning/jobs")
            .then()
            .statusCode(405)
            .body("error.type",
                    is("invalid_request_error"));
        given().contentType(ContentType.TEXT)
            .body("x")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(415)
            .body("error.message", containsString("application/json"));
    }

    @Test
    void shouldShowWhyAJobFailed() {
        training.failAt(0, () -> {
            throw new IllegalStateException("a bug");
        });
        String id = created("{\"steps\": 1}");
        assertThat(stream(id)).contains("The job has failed");
        when().get("/v1/fine_tuning/jobs/" + id)
            .then()
            .body("status", is("failed"))
            .body("error.code", equalTo("internal_error"))
            .body("error.message", containsString("its log has the details under job " + id));
    }
}

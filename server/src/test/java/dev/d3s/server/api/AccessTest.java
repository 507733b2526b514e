package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;

import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import jakarta.inject.Inject;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.KeyService;
import dev.d3s.server.access.Role;
import dev.d3s.server.access.Scope;
import dev.d3s.server.rollout.LivePolicies;
import dev.d3s.server.rollout.RolloutEngine;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

/**
 * Two organizations with one of everything, each of which tries to get at all that is the other's, at every endpoint of the
 * OpenAPI document: an endpoint that is not in the table below fails the test.
 */
@QuarkusTest
@TestProfile(KeyedServer.class)
class AccessTest {
    private static final Caller MAKER = Caller.anonymous("lab-a", null);
    private static final String GRADER = """
            {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}", "reference": "{{item.answer}}",
             "operation": "eq"}""";
    private static final String JOB = """
            {"model": "%s", "training_file": "%s", "method": {"type": "reinforcement", "reinforcement": {
              "grader": %s, "d3s": {"steps": 2, "checkpoint": {"interval": 1}}}}}""";
    private static final String EVAL = """
            {"model": "%s", "file": "%s", "grader": %s, "samples": 1}""";
    private static final String COMPLETION = """
            {"model": "%s", "prompt": "1+1=", "max_tokens": 4}""";
    private static final String CHAT = """
            {"model": "%s", "messages": [{"role": "user", "content": "1+1="}], "max_tokens": 4}""";

    /** What one organization has. */
    private record Lab(String name, String admin, String user, String file, String job, String model, String checkpoint,
            String registered, String eval, String live) {}

    /** How an endpoint is tried: the scope that it needs, ids of the other's things in its path, bodies that name them. */
    private record Rule(@Nullable Scope scope, List<String> ids, List<String> bodies) {
        static Rule of(Scope scope, String... ids) {
            return new Rule(scope, List.of(ids), List.of());
        }

        static Rule naming(Scope scope, String... bodies) {
            return new Rule(scope, List.of(), List.of(bodies));
        }

        /** For everybody who has a key. */
        static Rule free() {
            return new Rule(null, List.of(), List.of());
        }
    }

    private static @Nullable Lab a;
    private static @Nullable Lab b;

    @Inject
    KeyService keys;

    @Inject
    LivePolicies policies;

    private static Map<String, Rule> rules(Lab other) {
        String[] models = {other.model(), other.checkpoint(), other.registered(), other.live()};
        Map<String, Rule> rules = new TreeMap<>();
        rules.put("POST /v1/files", Rule.of(Scope.FILES_WRITE));
        rules.put("GET /v1/files", Rule.of(Scope.FILES_READ));
        rules.put("GET /v1/files/{id}", Rule.of(Scope.FILES_READ, other.file()));
        rules.put("GET /v1/files/{id}/content", Rule.of(Scope.FILES_READ, other.file()));
        rules.put("DELETE /v1/files/{id}", Rule.of(Scope.FILES_WRITE, other.file()));
        rules.put("POST /v1/fine_tuning/jobs",
                Rule.naming(Scope.JOBS_WRITE, JOB.formatted("base", other.file(), GRADER),
                        JOB.formatted(other.model(), "FILE", GRADER), JOB.formatted(other.checkpoint(), "FILE", GRADER),
                        JOB.formatted(other.registered(), "FILE", GRADER)));
        rules.put("GET /v1/fine_tuning/jobs", Rule.of(Scope.JOBS_READ));
        rules.put("GET /v1/fine_tuning/jobs/{id}", Rule.of(Scope.JOBS_READ, other.job()));
        for (String what : List.of("events", "checkpoints", "metrics", "rollouts")) {
            rules.put("GET /v1/fine_tuning/jobs/{id}/" + what, Rule.of(Scope.JOBS_READ, other.job()));
        }
        for (String what : List.of("cancel", "pause", "resume")) {
            rules.put("POST /v1/fine_tuning/jobs/{id}/" + what, Rule.of(Scope.JOBS_WRITE, other.job()));
        }
        rules.put("POST /v1/fine_tuning/alpha/graders/run", Rule.of(Scope.JOBS_WRITE));
        rules.put("POST /v1/fine_tuning/alpha/graders/validate", Rule.of(Scope.JOBS_WRITE));
        rules.put("POST /v1/models", Rule.of(Scope.MODELS_WRITE));
        rules.put("GET /v1/models", Rule.of(Scope.MODELS_READ));
        rules.put("GET /v1/models/{id}", Rule.of(Scope.MODELS_READ, models));
        rules.put("GET /v1/models/{id}/events",
                Rule.of(Scope.MODELS_READ, other.model(), other.checkpoint(), other.registered()));
        rules.put("DELETE /v1/models/{id}",
                Rule.of(Scope.MODELS_WRITE, other.model(), other.checkpoint(), other.registered()));
        rules.put("POST /v1/completions", Rule.naming(Scope.COMPLETIONS,
                List.of(models).stream().map(COMPLETION::formatted).toArray(String[]::new)));
        rules.put("POST /v1/chat/completions", Rule.naming(Scope.COMPLETIONS,
                List.of(models).stream().map(CHAT::formatted).toArray(String[]::new)));
        rules.put("POST /v1/evals", Rule.naming(Scope.JOBS_WRITE, EVAL.formatted("base", other.file(), GRADER),
                EVAL.formatted(other.model(), "FILE", GRADER), EVAL.formatted(other.registered(), "FILE", GRADER)));
        rules.put("GET /v1/evals", Rule.of(Scope.JOBS_READ));
        rules.put("GET /v1/evals/{id}", Rule.of(Scope.JOBS_READ, other.eval()));
        rules.put("GET /v1/evals/{id}/results", Rule.of(Scope.JOBS_READ, other.eval()));
        rules.put("POST /v1/evals/{id}/cancel", Rule.of(Scope.JOBS_WRITE, other.eval()));
        rules.put("DELETE /v1/evals/{id}", Rule.of(Scope.JOBS_WRITE, other.eval()));
        rules.put("GET /v1/plugins", Rule.free());
        rules.put("GET /v1/presets", Rule.free());
        rules.put("GET /v1/organization/audit_logs", Rule.free());
        return rules;
    }

    @BeforeEach
    void fill() {
        if (a == null) {
            a = lab("lab-a");
            b = lab("lab-b");
        }
    }

    private static Lab a() {
        return java.util.Objects.requireNonNull(a);
    }

    private static Lab b() {
        return java.util.Objects.requireNonNull(b);
    }

    private String key(String organization, Role role, Set<Scope> scopes) {
        return keys.create(MAKER, organization, "test", role, scopes, null).secret().text();
    }

    private static RequestSpecification as(String key) {
        return given().header("Authorization", "Bearer " + key).urlEncodingEnabled(true);
    }

    private static RequestSpecification json(String key, String body) {
        return as(key).contentType(ContentType.JSON).body(body);
    }

    private Lab lab(String name) {
        String admin = key(name, Role.ADMIN, Scope.all());
        String user = key(name, Role.USER, Scope.all());
        String file = upload(user);
        String job = json(user, JOB.formatted("base", file, GRADER)).post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(200)
            .body("organization_id", is(name))
            .extract()
            .path("id");
        // the stream ends with the job
        as(user).accept("text/event-stream").get("/v1/fine_tuning/jobs/" + job + "/events").then().statusCode(200);
        String model = as(user).get("/v1/fine_tuning/jobs/" + job)
            .then()
            .body("status", is("succeeded"))
            .body("fine_tuned_model", startsWith("ft:base:" + name + ":"))
            .extract()
            .path("fine_tuned_model");
        String checkpoint = as(user).get("/v1/fine_tuning/jobs/" + job + "/checkpoints")
            .then()
            .extract()
            .path("data[0].fine_tuned_model_checkpoint");
        String registered = json(admin, "{\"path\": \"base\", \"id\": \"private-" + name + "\"}").post("/v1/models")
            .then()
            .statusCode(200)
            .body("owned_by", is(name))
            .extract()
            .path("id");
        String eval = json(user, EVAL.formatted("base", file, GRADER)).post("/v1/evals")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        String live = "ft:base:" + name + "::live";
        policies.open(List.of(live, job), Path.of("/nowhere"), engine(), () -> 1, () -> Path.of("/nowhere"));
        return new Lab(name, admin, user, file, job, model, checkpoint, registered, eval, live);
    }

    /** One whose policy can be listed; nobody gets as far as sampling it. */
    private static RolloutEngine engine() {
        return (RolloutEngine) Proxy.newProxyInstance(AccessTest.class.getClassLoader(),
                new Class<?>[]{RolloutEngine.class}, (proxy, method, arguments) -> null);
    }

    private static String upload(String key) {
        return as(key).multiPart("purpose", "fine-tune")
            .multiPart("file", "rows.jsonl",
                    "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n".getBytes(StandardCharsets.UTF_8))
            .post("/v1/files")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
    }

    private static Response send(RequestSpecification request, String endpoint, String id) {
        String[] parts = endpoint.split(" ");
        return endpoint.contains("{id}")
                ? request.request(parts[0], parts[1].replace("{id}", id))
                : request.request(parts[0], parts[1]);
    }

    /** With a body where the endpoint reads one; what is in it does not matter. */
    private static RequestSpecification some(RequestSpecification request, String endpoint) {
        if (!endpoint.startsWith("POST") || endpoint.contains("{id}")) {
            return request;
        }
        return endpoint.equals("POST /v1/files")
                ? request.multiPart("purpose", "fine-tune").multiPart("file", "rows.jsonl", new byte[]{'{', '}'})
                : request.contentType(ContentType.JSON).body("{}");
    }

    private static String shown(Response response) {
        return response.statusCode() + " " + response.asString();
    }

    // ---------------------------------------------------------------- the table is complete

    @Test
    void shouldHaveARuleForEveryEndpoint() {
        Map<String, Map<String, Object>> paths = given().queryParam("format", "json")
            .get("/q/openapi")
            .jsonPath()
            .get("paths");
        Set<String> endpoints = new TreeSet<>();
        paths.forEach((path, methods) -> methods.keySet().forEach(method -> {
            if (!path.startsWith("/q/") && !method.equals("parameters")) {
                endpoints.add(method.toUpperCase(Locale.ROOT) + " " + path);
            }
        }));
        assertThat(endpoints).as("a new endpoint needs its rule here").isEqualTo(rules(b()).keySet());
    }

    // ---------------------------------------------------------------- nobody without a key

    @Test
    void shouldAnswerNobodyWithoutAValidKey() {
        KeyService.NewKey revoked = keys.create(MAKER, "lab-a", "gone", Role.ADMIN, Scope.all(), null);
        keys.revoke(MAKER, revoked.key().id());
        KeyService.NewKey expired = keys.create(MAKER, "lab-a", "old", Role.ADMIN, Scope.all(), Duration.ofMillis(1));
        String forged = a().admin().substring(0, a().admin().length() - 1)
                + (a().admin().endsWith("0") ? "1" : "0");
        rules(b()).keySet().forEach(endpoint -> {
            Response none = send(some(given(), endpoint), endpoint, "file-1");
            assertThat(none.statusCode()).as(endpoint + shown(none)).isEqualTo(401);
            assertThat(none.jsonPath().getString("error.code")).isEqualTo("invalid_api_key");
            assertThat(none.header("WWW-Authenticate")).isEqualTo("Bearer");
            Map.of(revoked.secret().text(), "was revoked", expired.secret().text(), "has expired", forged,
                    "is not known",
                    "d3s-nonsense", "is not one of this server", "sk-other", "no API key")
                .forEach((key, words) -> {
                    Response refused = send(some(as(key), endpoint), endpoint, "file-1");
                    assertThat(refused.statusCode()).as(endpoint + shown(refused)).isEqualTo(401);
                    assertThat(refused.jsonPath().getString("error.code")).isEqualTo("invalid_api_key");
                    assertThat(refused.jsonPath().getString("error.message")).contains(words).doesNotContain(forged);
                });
        });
        given().get("/q/metrics").then().statusCode(401);
        as(a().user()).get("/q/metrics").then().statusCode(403);
        as(a().admin()).get("/q/metrics").then().statusCode(200);
        given().get("/q/health").then().statusCode(200);
        given().get("/q/openapi").then().statusCode(200);
        given().get("/v1/../v1/files").then().statusCode(401);
        given().get("//v1/files").then().statusCode(401);
    }

    // ---------------------------------------------------------------- scopes and roles

    @Test
    void shouldRefuseWhatTheKeyHasNoScopeFor() {
        Map<Scope, String> without = new TreeMap<>();
        for (Scope scope : Scope.values()) {
            Set<Scope> others = new HashSet<>(Scope.all());
            others.remove(scope);
            without.put(scope, key("lab-a", Role.ADMIN, others));
        }
        rules(b()).forEach((endpoint, rule) -> {
            if (rule.scope() != null) {
                Response refused = send(some(as(String.valueOf(without.get(rule.scope()))), endpoint), endpoint,
                        a().job());
                assertThat(refused.statusCode()).as(endpoint + shown(refused)).isEqualTo(403);
                assertThat(refused.jsonPath().getString("error.code")).isEqualTo("insufficient_permissions");
                assertThat(refused.jsonPath().getString("error.message")).contains(rule.scope().key());
                without.forEach((scope, key) -> {
                    if (scope != rule.scope()) {
                        Response answered = send(some(as(key), endpoint), endpoint, "no-such-id");
                        assertThat(answered.statusCode()).as(endpoint + shown(answered)).isNotIn(401, 403, 500);
                    }
                });
            }
        });
    }

    @Test
    void shouldLeaveToAdminsWhatIsTheirs() {
        as(a().user()).get("/v1/organization/audit_logs")
            .then()
            .statusCode(403)
            .body("error.code", is("insufficient_permissions"))
            .body("error.message", containsString("Only admins"));
        json(a().user(), "{\"path\": \"base\", \"id\": \"mine\"}").post("/v1/models").then().statusCode(403);
        json(a().user(), "{\"model\": \"hf://org/name\", \"shared\": true}").post("/v1/models").then().statusCode(403);
        json(a().admin(), "{\"path\": \"base\", \"id\": \"for-all\", \"shared\": true}").post("/v1/models")
            .then()
            .statusCode(200);
        as(b().user()).get("/v1/models/for-all").then().statusCode(200);
        as(b().user()).delete("/v1/models/for-all").then().statusCode(403);
        as(b().admin()).delete("/v1/models/for-all").then().statusCode(200);
        as(a().user()).header("OpenAI-Organization", "lab-b")
            .get("/v1/files")
            .then()
            .statusCode(401)
            .body("error.code", is("mismatched_organization"));
        as(a().user()).header("OpenAI-Organization", "*").get("/v1/files").then().statusCode(401);
        as(a().user()).header("OpenAI-Organization", "lab-a").get("/v1/files").then().statusCode(200);
    }

    @Test
    void shouldLetAdminsActForOthersWhenTheySaySo() {
        as(a().admin()).get("/v1/files/" + b().file()).then().statusCode(404);
        as(a().admin()).header("OpenAI-Organization", "lab-b").get("/v1/files/" + b().file()).then().statusCode(200);
        as(a().admin()).header("OpenAI-Organization", "lab-b").get("/v1/files/" + a().file()).then().statusCode(404);
        as(a().admin()).header("OpenAI-Organization", "*")
            .get("/v1/fine_tuning/jobs")
            .then()
            .body("data.id", hasItem(a().job()))
            .body("data.id", hasItem(b().job()));
        // what is made belongs to the admin's organization, and names only what that sees
        json(a().admin(), JOB.formatted("base", b().file(), GRADER)).header("OpenAI-Organization", "*")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(400)
            .body("error.code", is("file_not_found"));
    }

    // ---------------------------------------------------------------- each tries everything of the other's

    @Test
    void shouldHaveNothingForOthers() {
        for (Lab[] pair : new Lab[][]{{a(), b()}, {b(), a()}}) {
            Lab me = pair[0];
            for (String key : List.of(me.user(), me.admin())) {
                rules(pair[1]).forEach((endpoint, rule) -> {
                    for (String id : rule.ids()) {
                        Response theirs = send(as(key), endpoint, id);
                        assertThat(theirs.statusCode()).as(endpoint + " " + id + shown(theirs)).isEqualTo(404);
                        Response none = send(as(key), endpoint, "none");
                        assertThat(theirs.asString().replace(id, "none")).as(endpoint).isEqualTo(none.asString());
                    }
                    for (String body : rule.bodies()) {
                        Response refused = send(json(key, body.replace("FILE", me.file())), endpoint, "");
                        assertThat(refused.statusCode()).as(endpoint + body + shown(refused)).isIn(400, 404);
                        assertThat(refused.jsonPath().getString("error.code")).isIn("file_not_found",
                                "model_not_found");
                        assertThat(refused.asString()).doesNotContain(pair[1].job(), "private-" + pair[1].name() + ",");
                    }
                });
            }
        }
        // the same ids are there for their owner, so that nothing above failed for another reason
        for (Lab lab : List.of(a(), b())) {
            rules(lab).forEach((endpoint, rule) -> {
                if (endpoint.startsWith("GET")) {
                    for (String id : rule.ids()) {
                        Response mine = send(as(lab.user()), endpoint, id);
                        assertThat(mine.statusCode()).as(endpoint + " " + id + shown(mine)).isEqualTo(200);
                    }
                }
            });
        }
    }

    @Test
    void shouldListOwnThingsOnly() {
        Map<String, List<String>> lists = Map.of("/v1/files", List.of(a().file()), "/v1/fine_tuning/jobs",
                List.of(a().job()), "/v1/evals", List.of(a().eval()), "/v1/models",
                List.of(a().model(), a().checkpoint(), a().registered(), a().live()));
        lists.forEach((path, mine) -> {
            List<String> own = as(a().user()).get(path).jsonPath().getList("data.id");
            assertThat(own).as(path).containsAll(mine);
            List<String> others = new ArrayList<>(as(b().user()).get(path).jsonPath().getList("data.id"));
            assertThat(others).as(path).doesNotContainAnyElementsOf(mine).isNotEmpty();
            // an id of somebody else's is a place like any other
            as(b().user()).queryParam("after", mine.getFirst())
                .get(path)
                .then()
                .statusCode(200)
                .body("data.id", not(hasItem(mine.getFirst())));
        });
        as(a().user()).get("/v1/models").then().body("data.id", hasItem("base"));
        as(b().user()).get("/v1/models").then().body("data.id", hasItem("base"));
    }

    @Test
    void shouldGiveTheSameNameToModelsOfDifferentOrganizations() {
        for (Lab lab : List.of(a(), b())) {
            json(lab.admin(), "{\"path\": \"base\", \"id\": \"same\"}").post("/v1/models")
                .then()
                .statusCode(200)
                .body("owned_by", is(lab.name()));
        }
        as(a().user()).delete("/v1/models/same").then().statusCode(200);
        as(a().user()).get("/v1/models/same").then().statusCode(404);
        as(b().user()).get("/v1/models/same").then().statusCode(200).body("owned_by", is("lab-b"));
    }

    // ---------------------------------------------------------------- who did what

    @Test
    void shouldTellAdminsWhoDidWhat() {
        String file = upload(a().user());
        as(a().user()).delete("/v1/files/" + file).then().statusCode(200);
        as(a().admin()).queryParam("resource_ids[]", file)
            .get("/v1/organization/audit_logs")
            .then()
            .statusCode(200)
            .body("data.type", is(List.of("file.deleted", "file.created")))
            .body("data[0].object", is("organization.audit_log"))
            .body("data[0].organization_id", is("lab-a"))
            .body("data[0].outcome", is("success"))
            .body("data[0].actor.type", is("api_key"))
            .body("data[0].actor.api_key.id", startsWith("key-"))
            .body("data[0].actor.ip_address", is("127.0.0.1"))
            .body("data[0].'file.deleted'.id", is(file));
        as(a().user()).get("/v1/organization/audit_logs").then().statusCode(403);
        as(a().admin()).queryParam("event_types[]", "access.denied")
            .queryParam("limit", "1")
            .get("/v1/organization/audit_logs")
            .then()
            .body("data[0].outcome", is("denied"))
            .body("data[0].'access.denied'.id", is("GET /v1/organization/audit_logs"));
        List<String> types = as(a().admin()).queryParam("limit", "1000")
            .get("/v1/organization/audit_logs")
            .jsonPath()
            .getList("data.type");
        assertThat(types).contains("api_key.created", "job.created", "eval.created", "model.registered",
                "file.created");
        as(b().admin()).queryParam("resource_ids[]", file)
            .get("/v1/organization/audit_logs")
            .then()
            .body("data", is(List.of()));
        as(b().admin()).header("OpenAI-Organization", "*")
            .queryParam("resource_ids[]", file)
            .queryParam("limit", "1")
            .get("/v1/organization/audit_logs")
            .then()
            .body("has_more", is(true));
        as(a().admin()).queryParam("effective_at[lt]", "1000")
            .get("/v1/organization/audit_logs")
            .then()
            .body("data", is(List.of()));
    }

    // ---------------------------------------------------------------- sending a request again

    @Test
    void shouldMakeOneJobOfARequestThatComesAgain() {
        String body = JOB.formatted("base", a().file(), GRADER);
        String first = json(a().user(), body).header("Idempotency-Key", "k-1")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        json(a().user(), body).header("Idempotency-Key", "k-1")
            .post("/v1/fine_tuning/jobs")
            .then()
            .body("id", is(first));
        json(a().user(), body).header("Idempotency-Key", "k-2")
            .post("/v1/fine_tuning/jobs")
            .then()
            .body("id", not(is(first)));
        json(a().user(), body.replace("\"steps\": 2", "\"steps\": 3")).header("Idempotency-Key", "k-1")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(422)
            .body("error.code", is("idempotency_key_reused"));
        json(b().user(), JOB.formatted("base", b().file(), GRADER)).header("Idempotency-Key", "k-1")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(200)
            .body("id", not(is(first)));
        String eval = json(a().user(), EVAL.formatted("base", a().file(), GRADER)).header("Idempotency-Key", "k-1")
            .post("/v1/evals")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        json(a().user(), EVAL.formatted("base", a().file(), GRADER)).header("Idempotency-Key", "k-1")
            .post("/v1/evals")
            .then()
            .body("id", is(eval));
    }
}

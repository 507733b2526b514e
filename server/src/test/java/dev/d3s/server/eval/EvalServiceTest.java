package dev.d3s.server.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.config.OrganizationLimit;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.evaluation.EvaluatedRow;
import dev.d3s.server.job.TestServer;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.LimitReachedException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.request.Page;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.TestDatabase;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Evaluations over each real database. */
@ParameterizedClass
@EnumSource
class EvalServiceTest {
    @Parameter
    TestDatabase database;

    @TempDir
    Path home;

    private TestServer server;

    @BeforeEach
    void start() {
        TestServer.baseModel(home, "base");
        server = new TestServer(home, database);
        server.evals.start();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private ObjectNode request() {
        return TestServer.json("""
                {"model": "base", "file": "%s", "n": 4, "k": [4, 1], "seed": 9, "metadata": {"team": "reasoning"},
                 "sampling": {"max_tokens": 32, "temperature": 0.7, "stop": "\\n"},
                 "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                            "reference": "{{item.answer}}", "operation": "eq"}}"""
            .formatted(server.upload("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n".repeat(5)).id()));
    }

    private static JsonNode results(Eval eval) {
        return Objects.requireNonNull(eval.results());
    }

    private static Eval.EvalError error(Eval eval) {
        return Objects.requireNonNull(eval.error());
    }

    private Eval await(String id, EvalStatus status) throws InterruptedException {
        return await(TestServer.CALLER, id, status);
    }

    private Eval await(Caller caller, String id, EvalStatus status) throws InterruptedException {
        long limit = System.nanoTime() + 20_000_000_000L;
        Eval eval = server.evals.eval(caller, id);
        while (eval.status() != status && System.nanoTime() < limit) {
            Thread.onSpinWait();
            eval = server.evals.eval(caller, id);
        }
        assertThat(eval.status()).as("%s", eval.error()).isEqualTo(status);
        return eval;
    }

    @Test
    void shouldEvaluateAndKeepEveryRow() throws Exception {
        Eval queued = server.evals.create(TestServer.CALLER, request());
        assertThat(queued.id()).startsWith("eval-");
        assertThat(queued.totalRows()).isEqualTo(5);
        assertThat(queued.spec().metadata()).containsEntry("team", "reasoning");
        Eval eval = await(queued.id(), EvalStatus.SUCCEEDED);

        ScriptedEvaluation.Call call = server.evaluation.calls.remove();
        assertThat(call.firstRow()).isZero();
        assertThat(call.plan().model()).isEqualTo(home.resolve("models/base"));
        assertThat(call.plan().sampled().k()).containsExactly(1, 4);
        assertThat(call.plan().sampling().temperature()).isEqualTo(0.7);
        assertThat(call.plan().sampling().seed()).isEqualTo(9);
        assertThat(call.plan().stop()).containsExactly("\n");
        assertThat(call.plan().grader()).isEqualTo("string_check");

        assertThat(eval.completedRows()).isEqualTo(5);
        assertThat(eval.startedAt()).isNotNull();
        assertThat(eval.finishedAt()).isNotNull();
        JsonNode results = results(eval);
        assertThat(results.path("accuracy").doubleValue()).isEqualTo(0.6);
        assertThat(results.path("accuracy_standard_error").doubleValue())
            .isCloseTo(Math.sqrt((3 * 0.16 + 2 * 0.36) / 4 / 5), within(1e-12));
        assertThat(results.path("avg_at_4").doubleValue()).isEqualTo(0.25);
        assertThat(results.path("avg_at_4_standard_error").doubleValue()).isZero();
        assertThat(results.path("pass_at_1").doubleValue()).isEqualTo(0.25);
        assertThat(results.path("pass_at_4").doubleValue()).isEqualTo(1);
        assertThat(results.at("/reward_parts/greedy/format").doubleValue()).isEqualTo(0.8);
        assertThat(results.at("/reward_parts/sampled/format").doubleValue()).isEqualTo(0.625);
        assertThat(results.path("completions").intValue()).isEqualTo(25);
        assertThat(results.path("prompt_tokens").intValue()).isEqualTo(20);
        assertThat(results.path("completion_tokens").intValue()).isEqualTo(75);
        assertThat(results.path("truncated_ratio").doubleValue()).isEqualTo(17 / 25.0);
        assertThat(results.path("seconds").doubleValue()).isPositive();

        List<EvaluatedRow> all = new ArrayList<>();
        server.evals.rows(TestServer.CALLER, eval.id(), all::add);
        assertThat(all).hasSize(5).extracting(EvaluatedRow::index).containsExactly(0, 1, 2, 3, 4);
        assertThat(all.get(1).completions().getFirst().text()).isEqualTo("wr\u00f6ng");
        assertThat(all.get(1).item().get("nested")).hasToString("{list=[1, x]}");
        Page<EvaluatedRow> first = server.evals.rows(TestServer.CALLER, eval.id(), null, 3);
        assertThat(first.hasMore()).isTrue();
        Page<EvaluatedRow> second = server.evals.rows(TestServer.CALLER, eval.id(),
                EvalService.rowId(first.elements().getLast()), 3);
        assertThat(second.hasMore()).isFalse();
        assertThat(second.elements()).extracting(EvaluatedRow::index).containsExactly(3, 4);
        assertThat(server.evals.rows(TestServer.CALLER, eval.id(), "evalrow-4", 3).elements()).isEmpty();
    }

    @Test
    void shouldFillInWhatIsLeftOut() {
        ObjectNode request = request();
        request.retain("model", "file", "grader");
        Eval eval = server.evals.create(TestServer.CALLER, request);
        assertThat(eval.spec().greedy()).isTrue();
        assertThat(eval.spec().sampled().n()).isZero();
        assertThat(eval.spec().samples()).isEqualTo(256);
        JsonNode expanded = eval.spec().request();
        assertThat(expanded.at("/sampling/max_tokens").intValue()).isEqualTo(256);
        assertThat(expanded.at("/sampling/temperature").doubleValue()).isEqualTo(1);
        assertThat(expanded.path("pass_threshold").doubleValue()).isEqualTo(1);
        assertThat(expanded.path("seed").isIntegralNumber()).isTrue();
        // what is shown can be submitted again, and is the same evaluation
        assertThat(server.evals.create(TestServer.CALLER, expanded).spec()).isEqualTo(eval.spec());
    }

    @Test
    void shouldReportAllMistakesAtOnce() {
        ObjectNode request = TestServer.json("""
                {"model": "bas", "file": "file-none", "n": 2, "k": [3], "sampling": {"temperature": 0, "top": 1},
                 "greedy": 1, "samples": 0, "rows": 3,
                 "grader": {"type": "string_check", "input": "{{x}}", "operation": "is"}}""");
        assertThatThrownBy(() -> server.evals.create(TestServer.CALLER, request)).isInstanceOfSatisfying(
                InvalidRequestException.class,
                e -> assertThat(e.mistakes()).extracting(Mistake::param, Mistake::code)
                    .contains(tuple("model", "model_not_found"), tuple("file", "file_not_found"),
                            tuple("k", "invalid_value"), tuple("sampling.temperature", "invalid_value"),
                            tuple("sampling.top", "unknown_parameter"), tuple("greedy", "invalid_type"),
                            tuple("samples", "invalid_value"), tuple("rows", "unknown_parameter"),
                            tuple("grader.operation", "invalid_config")));
        ObjectNode nothing = request().put("greedy", false).put("n", 0);
        nothing.remove("k");
        assertThatThrownBy(() -> server.evals.create(TestServer.CALLER, nothing))
            .hasMessageContaining("'n' is required where 'greedy'");
        assertThatThrownBy(() -> server.evals.create(TestServer.CALLER,
                nothing.put("greedy", true).set("k", nothing.arrayNode().add(1))))
            .hasMessageContaining("'k' needs 'n'");
        assertThat(server.evals.list(TestServer.CALLER, null, 10).elements()).isEmpty();
    }

    @Test
    void shouldListNewestFirstAndRunOneAtATime() throws Exception {
        server.evaluation.hold();
        List<String> ids = new ArrayList<>();
        for (int index = 0; index < 3; index++) {
            ids.add(server.evals.create(TestServer.CALLER, request()).id());
        }
        server.evaluation.awaitHeld();
        assertThat(server.evals.list(TestServer.CALLER, null, 2).elements()).extracting(Eval::id)
            .containsExactly(ids.get(2), ids.get(1));
        assertThat(server.evals.list(TestServer.CALLER, ids.get(1), 2).elements()).extracting(Eval::id)
            .containsExactly(ids.get(0));
        assertThat(server.evals.list(TestServer.CALLER, ids.get(0), 2).elements()).isEmpty();
        assertThat(server.evals.list(TestServer.CALLER, null, 9).elements()).extracting(Eval::status)
            .containsExactly(EvalStatus.QUEUED, EvalStatus.QUEUED, EvalStatus.RUNNING);
        server.evaluation.letGo();
        for (String id : ids) {
            await(id, EvalStatus.SUCCEEDED);
        }
    }

    @Test
    void shouldCancelWhatRunsAndWhatWaits() throws Exception {
        server.evaluation.hold();
        String running = server.evals.create(TestServer.CALLER, request()).id();
        String waiting = server.evals.create(TestServer.CALLER, request()).id();
        server.evaluation.awaitHeld();
        assertThatThrownBy(() -> server.evals.delete(TestServer.CALLER, running)).isInstanceOf(ConflictException.class)
            .hasMessageContaining("cancel it first");
        assertThat(server.evals.cancel(TestServer.CALLER, waiting).status()).isEqualTo(EvalStatus.CANCELLED);
        assertThat(server.evals.cancel(TestServer.CALLER, running).status()).isEqualTo(EvalStatus.CANCELLED);
        assertThatThrownBy(() -> server.evals.cancel(TestServer.CALLER, running)).isInstanceOf(ConflictException.class)
            .hasMessageContaining("is cancelled; only a queued or running one");
        // its run ends without anybody letting it go, and the next one begins
        String next = server.evals.create(TestServer.CALLER, request()).id();
        server.evaluation.letGo();
        await(next, EvalStatus.SUCCEEDED);
        Eval cancelled = server.evals.eval(TestServer.CALLER, running);
        assertThat(cancelled.status()).isEqualTo(EvalStatus.CANCELLED);
        assertThat(cancelled.completedRows()).as("what was done stays").isEqualTo(2);
        assertThat(server.evals.rows(TestServer.CALLER, running, null, 9).elements()).hasSize(2);

        server.evals.delete(TestServer.CALLER, running);
        assertThatThrownBy(() -> server.evals.eval(TestServer.CALLER, running)).isInstanceOf(NotFoundException.class);
    }

    @Test
    void shouldGoOnAfterARestart() throws Exception {
        server.evaluation.hold();
        String id = server.evals.create(TestServer.CALLER, request()).id();
        server.evaluation.awaitHeld();
        // a second process over the same home, as after a kill: the first one has written nothing about its end, and takes nothing
        server.network.sever();
        try (TestServer next = new TestServer(home, database)) {
            next.evals.start();
            TestServer first = server;
            server = next;
            Eval eval = await(id, EvalStatus.SUCCEEDED);
            assertThat(next.evaluation.calls).extracting(ScriptedEvaluation.Call::firstRow).containsExactly(2);
            assertThat(eval.completedRows()).isEqualTo(5);
            assertThat(results(eval).path("accuracy").doubleValue()).isEqualTo(0.6);
            assertThat(results(eval).path("rows").intValue()).isEqualTo(5);
            // the first one's run is not the evaluation's any more
            first.network.mend();
            first.evaluation.letGo();
            first.evals.close();
            assertThat(next.evals.eval(TestServer.CALLER, id)).isEqualTo(eval);
            assertThat(next.evals.rows(TestServer.CALLER, id, null, 9).elements()).hasSize(5);
            server = first;
        }
    }

    @Test
    void shouldWaitForTheNextStartWhenTheServerStops() throws Exception {
        server.evaluation.hold();
        String id = server.evals.create(TestServer.CALLER, request()).id();
        server.evaluation.awaitHeld();
        server.evals.close();
        assertThat(server.evals.eval(TestServer.CALLER, id).status()).isEqualTo(EvalStatus.QUEUED);
    }

    @Test
    void shouldFailWithTheReason() throws Exception {
        server.evaluation.failAfterFirstRows(new D3sException(ErrorCategory.RESOURCES, "too_many_slots", "no room"));
        Eval eval = await(server.evals.create(TestServer.CALLER, request()).id(), EvalStatus.FAILED);
        assertThat(eval.error()).isEqualTo(new Eval.EvalError("too_many_slots", "no room"));
        assertThat(eval.completedRows()).isEqualTo(2);
        server.evaluation.failAfterFirstRows(new IllegalStateException("oops"));
        assertThat(error(await(server.evals.create(TestServer.CALLER, request()).id(), EvalStatus.FAILED)).code())
            .isEqualTo("internal_error");
        server.evaluation.reset();
        server.evaluation.gradeNothing();
        Eval ungraded = await(server.evals.create(TestServer.CALLER, request()).id(), EvalStatus.FAILED);
        assertThat(error(ungraded).code()).isEqualTo("grading_failed");
        assertThat(error(ungraded).message()).contains("string_check", "no licence");
        assertThat(server.evals.rows(TestServer.CALLER, ungraded.id(), null, 9).elements()).as("the errors can be read")
            .hasSize(2);
        server.evaluation.reset();
        await(server.evals.create(TestServer.CALLER, request()).id(), EvalStatus.SUCCEEDED);
    }

    private ObjectNode request(Caller caller) throws IOException {
        Path rows = Files.writeString(home.resolve("rows-" + caller.organization()),
                "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n".repeat(5));
        return request().put("file", server.files.add(caller, rows, "rows.jsonl", "fine-tune").id());
    }

    /** One organization floods the queue, and another one has trained for long: neither keeps a third one waiting. */
    @Test
    void shouldTakeTurnsByWhatOrganizationsHaveUsed() throws Exception {
        server.evaluation.hold();
        Caller flood = Caller.server("flood");
        ObjectNode floods = request(flood);
        server.evals.create(flood, floods);
        server.evaluation.awaitHeld();
        server.evals.create(flood, floods);
        server.evals.create(flood, floods);
        // as after a job
        server.database.change(connection -> Database.execute(connection,
                "insert into organization_usage (organization, seconds, updated_at) values ('trainer', 1e6, ?)",
                System.currentTimeMillis()));
        String last = server.evals.create(Caller.server("trainer"), request(Caller.server("trainer"))).id();
        server.evals.create(Caller.server("third"), request(Caller.server("third")));
        server.evaluation.letGo();
        await(Caller.server("trainer"), last, EvalStatus.SUCCEEDED);

        assertThat(server.evaluation.calls).extracting(call -> call.plan().organization())
            .containsExactly("flood", "third", "flood", "flood", "trainer");
    }

    @Test
    void shouldChargeForWhatRuns() throws Exception {
        server.evaluation.hold();
        Eval running = server.evals.create(TestServer.CALLER, request());
        server.evaluation.awaitHeld();
        server.database.change(connection -> Database.execute(connection,
                "update eval set charged_at = charged_at - 60000 where id = ?", running.id()));
        server.evals.cancel(TestServer.CALLER, running.id());

        double seconds = server.database
            .one("select seconds from organization_usage where organization = 'd3s'", row -> row.getDouble(1))
            .orElse(0.0);
        Eval ended = server.evals.eval(TestServer.CALLER, running.id());
        double took = (System.currentTimeMillis() - Objects.requireNonNull(ended.startedAt())) / 1000.0;
        // a minute was decayed for no longer than all of this took
        assertThat(seconds).isBetween(59.9 * server.settings.threads(), (60 + took) * server.settings.threads());
    }

    @Test
    void shouldRefuseWhatIsBeyondTheLimit() throws Exception {
        QueueSettings settings = new QueueSettings(1, Duration.ofHours(1), OrganizationLimit.NONE,
                new OrganizationLimit(1L, Map.of("more", 2L)), OrganizationLimit.NONE, OrganizationLimit.NONE,
                OrganizationLimit.NONE);
        server.close();
        server = new TestServer(home, database, "one", settings);
        server.evals.start();
        server.evaluation.hold();
        server.evals.create(TestServer.CALLER, request());
        server.evaluation.awaitHeld();
        ObjectNode next = request();
        Eval waiting = server.evals.create(TestServer.CALLER, next, "a-name");

        assertThatThrownBy(() -> server.evals.create(TestServer.CALLER, next)).isInstanceOf(LimitReachedException.class)
            .hasMessage("Organization d3s has 1 evaluations waiting, of 1 that may: wait until one has started, or "
                    + "cancel one.");
        assertThat(server.evals.create(TestServer.CALLER, next, "a-name").id()).as("what is there already")
            .isEqualTo(waiting.id());
        ObjectNode others = request(Caller.server("more"));
        server.evals.create(Caller.server("more"), others);
        server.evals.create(Caller.server("more"), others);
        assertThatThrownBy(() -> server.evals.create(Caller.server("more"), others))
            .hasMessageContaining("2 evaluations waiting");
        server.evals.cancel(TestServer.CALLER, waiting.id());
        server.evals.create(TestServer.CALLER, next);
    }

    @Test
    void shouldKeepFilesAndModelsThatAreNeeded() throws Exception {
        server.evaluation.hold();
        Eval eval = server.evals.create(TestServer.CALLER, request());
        assertThatThrownBy(() -> server.files.delete(TestServer.CALLER, eval.spec().file()))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("is needed by evaluation '" + eval.id() + "'");
        server.evaluation.letGo();
        await(eval.id(), EvalStatus.SUCCEEDED);
        server.files.delete(TestServer.CALLER, eval.spec().file());
    }

    @Test
    void shouldSayWhatIsNotThere() throws IOException {
        assertThatThrownBy(() -> server.evals.eval(TestServer.CALLER, "eval-x"))
            .hasMessage("There is no eval 'eval-x'.");
        assertThatThrownBy(() -> server.evals.rows(TestServer.CALLER, "eval-x", row -> {}))
            .isInstanceOf(NotFoundException.class);
        String id = server.evals.create(TestServer.CALLER, request()).id();
        assertThatThrownBy(() -> server.evals.rows(TestServer.CALLER, id, "row-1", 3))
            .isInstanceOf(InvalidRequestException.class)
            .hasMessageContaining("'after' is 'row-1' but must be the id of a row");
    }
}

package dev.d3s.server.grader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.job.TestServer;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.plugin.Plugins;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.spec.TestCatalogs;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

class GraderServiceTest {
    private final AtomicInteger made = new AtomicInteger();
    private final AtomicInteger closed = new AtomicInteger();
    private final CountDownLatch release = new CountDownLatch(1);
    private final PluginRegistry plugins = TestCatalogs.plugins(new Plugins()
        .rewardFunction("deaf", List.of(), config -> counted(input -> {
            boolean open = true;
            while (open) {
                try {
                    release.await();
                    open = false;
                } catch (InterruptedException e) {
                    // as bad graders do
                }
            }
            return 1;
        }))
        .rewardFunction("throws", List.of(), config -> counted(input -> {
            throw new IllegalStateException("no licence");
        }))
        .rewardFunction("offline", List.of(), config -> counted(input -> {
            throw new D3sException(ErrorCategory.EXTERNAL, "http_failed", "nobody answers");
        }))
        .rewardFunction("prompt", List.of(), config -> counted(input -> input.prompt().length()))
        .rewardFunction("nan", List.of(), config -> counted(input -> Double.NaN)));
    private final GraderService graders = new GraderService(plugins);

    @AfterEach
    void close() {
        release.countDown();
        plugins.close();
    }

    /** A grader that says when it is made and closed. */
    private RewardFunction counted(RewardFunction function) {
        made.incrementAndGet();
        return new RewardFunction() {
            @Override
            public double score(RewardInput input) throws Exception {
                return function.score(input);
            }

            @Override
            public void close() {
                closed.incrementAndGet();
            }
        };
    }

    private static ObjectNode request(String type) {
        return TestServer.json("""
                {"grader": {"type": "%s"}, "item": {"answer": 4, "prompt": "2+2="}, "model_sample": "4"}"""
            .formatted(type));
    }

    private static ObjectNode check(String input, String reference) {
        ObjectNode request = request("string_check");
        request.withObject("/grader")
            .put("name", "exact")
            .put("input", input)
            .put("reference", reference)
            .put("operation", "eq");
        return request;
    }

    @Test
    void shouldGradeOneText() {
        GraderRun right = graders.run(TestServer.CALLER, check("{{sample.output_text}}", "{{item.answer}}"));
        assertThat(right.reward()).isEqualTo(1);
        assertThat(right.name()).isEqualTo("exact");
        assertThat(right.type()).isEqualTo("string_check");
        assertThat(right.failure()).isNull();
        assertThat(right.message()).isNull();
        assertThat(right.seconds()).isPositive();
        assertThat(graders
            .run(TestServer.CALLER, check("{{sample.output_text}}", "{{item.answer}}").put("model_sample", "5"))
            .reward())
            .isZero();
        // a grader without a label goes by its type, and sees the item's prompt
        GraderRun other = graders.run(TestServer.CALLER, request("prompt"));
        assertThat(other.name()).isEqualTo("prompt");
        assertThat(other.reward()).isEqualTo(4);
        assertThat(closed).hasPositiveValue().hasValue(made.get());
    }

    @Test
    void shouldGradeAnEmptyTextWithoutAnItem() {
        ObjectNode request = check("{{sample.output_text}}", "").put("model_sample", "");
        request.remove("item");
        assertThat(graders.run(TestServer.CALLER, request).reward()).isEqualTo(1);
    }

    @Test
    void shouldAnswerWithWhatWentWrong() {
        GraderRun missing = graders.run(TestServer.CALLER, check("{{sample.output_text}}", "{{item.question}}"));
        assertThat(missing.failure()).isEqualTo(GraderRun.Failure.VARIABLE);
        assertThat(missing.message()).contains("{{item.question}}", "answer, prompt");
        assertThat(missing.reward()).isZero();

        GraderRun threw = graders.run(TestServer.CALLER, request("throws"));
        assertThat(threw.failure()).isEqualTo(GraderRun.Failure.OTHER);
        assertThat(threw.message()).contains("no licence");
        GraderRun nothing = graders.run(TestServer.CALLER, request("nan"));
        assertThat(nothing.failure()).isEqualTo(GraderRun.Failure.OTHER);
        assertThat(nothing.message()).contains("NaN");
        GraderRun offline = graders.run(TestServer.CALLER, request("offline"));
        assertThat(offline.failure()).isEqualTo(GraderRun.Failure.MODEL_SERVER);
        assertThat(offline.message()).contains("nobody answers");
        assertThat(closed).hasPositiveValue().hasValue(made.get());
    }

    /** Whatever hangs costs its own request: those after it are answered, until there are too many at once. */
    @Test
    void shouldNotWaitForAGraderThatHangs() {
        ObjectNode deaf = request("deaf").put("timeout_seconds", 0.01);
        for (int index = 0; index < 32; index++) {
            GraderRun hangs = graders.run(TestServer.CALLER, deaf);
            assertThat(hangs.failure()).isEqualTo(GraderRun.Failure.UNRESPONSIVE);
            assertThat(hangs.message()).contains("0.01 s");
            assertThat(hangs.reward()).isZero();
            if (index == 30) {
                assertThat(graders.run(TestServer.CALLER, request("prompt")).reward()).isEqualTo(4);
            }
        }
        assertThatThrownBy(() -> graders.run(TestServer.CALLER, request("prompt"))).isInstanceOfSatisfying(
                D3sException.class,
                e -> assertThat(e.code()).isEqualTo("graders_busy"));
        release.countDown();
        // their places are free when they have ended
        GraderRun next = null;
        while (next == null) {
            try {
                next = graders.run(TestServer.CALLER, request("prompt"));
            } catch (D3sException e) {
                Thread.onSpinWait();
            }
        }
        assertThat(next.reward()).isEqualTo(4);
    }

    @Test
    void shouldReportEveryMistakeOfARequest() {
        ObjectNode request = TestServer.json("""
                {"grader": {"type": "string_check", "input": "{{x}}", "operation": "is", "colour": 1}, "item": [],
                 "sample": "", "timeout_seconds": 0}""");
        assertThatThrownBy(() -> graders.run(TestServer.CALLER, request)).isInstanceOfSatisfying(
                InvalidRequestException.class,
                e -> assertThat(e.mistakes()).extracting(Mistake::param, Mistake::code)
                    .contains(tuple("grader.operation", "invalid_config"), tuple("grader.colour", "invalid_config"),
                            tuple("grader.reference", "invalid_config"), tuple("item", "invalid_type"),
                            tuple("model_sample", "missing_required_parameter"), tuple("sample", "unknown_parameter"),
                            tuple("timeout_seconds", "invalid_value")));
        assertThatThrownBy(() -> graders.run(TestServer.CALLER, TestServer.JSON.createArrayNode()))
            .isInstanceOf(InvalidRequestException.class)
            .hasMessageContaining("must be a JSON object");
    }

    @Test
    void shouldValidateAGraderLikeThatOfAJob() {
        ObjectNode request = check("{{sample.output_text}}", "{{item.answer}}");
        request.retain("grader");
        JsonNode grader = graders.validate(TestServer.CALLER, request);
        assertThat(grader).isEqualTo(request.path("grader"));
        assertThatThrownBy(
                () -> graders.validate(TestServer.CALLER, TestServer.json("{\"grader\": {\"type\": \"vibes\"}}")))
            .isInstanceOfSatisfying(InvalidRequestException.class, e -> assertThat(e.mistakes())
                .extracting(Mistake::param, Mistake::code)
                .containsExactly(tuple("grader.type", "unknown_plugin")));
        assertThatThrownBy(
                () -> graders.validate(TestServer.CALLER, TestServer.json("{\"grader\": {\"type\": \"python\"}}")))
            .hasMessageContaining("runs no Python");
        assertThatThrownBy(() -> graders.validate(TestServer.CALLER, TestServer.json("{\"grade\": 1}")))
            .isInstanceOfSatisfying(InvalidRequestException.class, e -> assertThat(e.mistakes())
                .extracting(Mistake::param)
                .containsExactly("grader", "grade"));
    }
}

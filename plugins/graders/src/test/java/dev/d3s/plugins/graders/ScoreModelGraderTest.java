package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.ModelRequest;
import dev.d3s.spi.RewardFunction;

@Timeout(60)
class ScoreModelGraderTest {
    private static final List<Object> INPUT = List.of(Map.of("role", "system", "content", "You judge."),
            Map.of("role", "user", "content",
                    List.of(Map.of("type", "input_text", "text", "Is {{sample.output_text}} "),
                            Map.of("type", "input_text", "text", "{{item.answer}}?"))));

    private static RewardFunction grader(Map<String, Object> options, GraderServices services) {
        Map<String, Object> config = new HashMap<>(Map.of("model", "judge", "input", INPUT, "backoff_ms", 1.0));
        config.putAll(options);
        return Services.make(new ScoreModelGrader.Factory(Map.of("D3S_GRADER_KEY", "s3cret")::get), config, services);
    }

    @Test
    void shouldAskAModelOfThisServer() throws Exception {
        List<ModelRequest> requests = Collections.synchronizedList(new ArrayList<>());
        Services services = new Services(request -> {
            requests.add(request);
            return "<think>Perhaps 3?</think> {\"result\": 0.75}";
        });
        try (RewardFunction grader = grader(Map.of("sampling_params",
                Map.of("temperature", 0.5, "top_p", 0.9, "seed", 3, "max_completions_tokens", 20)), services)) {
            assertThat(grader.score(Rows.rollout("41", Map.of("answer", "42")))).isEqualTo(0.75);
        }
        try (RewardFunction grader = grader(Map.of("input", "Rate {{sample.output_text}}"), services)) {
            grader.score(Rows.rollout("41", Map.of()));
        }
        assertThat(requests).containsExactly(
                new ModelRequest("judge",
                        List.of(new ModelRequest.Message("system", "You judge."),
                                new ModelRequest.Message("user", "Is 41 42?")),
                        null, 20, 0.5, 0.9, 3L),
                new ModelRequest("judge", List.of(new ModelRequest.Message("user", "Rate 41")), null, 512, 0, 1, null));
    }

    @Test
    void shouldAskAnotherServer() throws Exception {
        AtomicInteger attempts = new AtomicInteger();
        try (StubService service = new StubService(request -> attempts.incrementAndGet() == 1
                ? new StubService.Answer(429, "slowly", Map.of("Retry-After", "0"))
                : StubService.Answer
                    .of("{\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"8\"}}]}"));
                RewardFunction grader = grader(
                        Map.of("base_url", service.url() + "/v1/", "api_key_env", "D3S_GRADER_KEY", "range",
                                List.of(0, 10), "sampling_params", Map.of("reasoning_effort", "low", "temperature", 0)),
                        Services.simple())) {
            assertThat(grader.score(Rows.rollout("41", Map.of("answer", "42")))).isEqualTo(8);
            assertThat(service.requests).hasSize(2).allSatisfy(request -> {
                assertThat(request.path()).isEqualTo("/v1/chat/completions");
                assertThat(request.header("Authorization")).isEqualTo("Bearer s3cret");
                assertThat(request.json()).isEqualTo(Map.of("model", "judge", "messages",
                        List.of(Map.of("role", "system", "content", "You judge."),
                                Map.of("role", "user", "content", "Is 41 42?")),
                        "temperature", 0.0, "reasoning_effort", "low"));
            });
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"{} | without choices", "[] | without choices", "oops | not JSON",
            "{\"choices\": [{\"message\": {\"content\": null}}]} | without choices",
            "{\"choices\": [{\"message\": {\"content\": \"well\"}}]} | gave no score: 'well'"})
    void shouldMakeAnAnswerWithoutAScoreAnErrorOfTheRollout(String answer, String message) throws Exception {
        try (StubService service = new StubService(request -> StubService.Answer.of(answer));
                RewardFunction grader = grader(Map.of("base_url", service.url()), Services.simple())) {
            assertThatThrownBy(() -> grader.score(Rows.rollout("41", Map.of("answer", "42"))))
                .isInstanceOf(D3sException.class)
                .hasMessageContaining(message);
        }
    }

    @Test
    void shouldReportEveryMistake() {
        Map<String, Object> wrong = Map.of("model", "jury", "input",
                List.of(Map.of("role", "judge", "content", "x"), Map.of("role", "user", "content", "{{x}}"),
                        Map.of("role", "user", "content", Map.of("type", "input_image", "image_url", "x"))),
                "range", List.of(1, 0), "sampling_params",
                Map.of("temperature", 3, "heat", 1, "reasoning_effort", "low"), "api_key_env", "D3S_GRADER_KEY");
        assertThatThrownBy(() -> grader(wrong, Services.simple()))
            .hasMessageContaining("There is no model 'jury'; known models: judge.")
            .asInstanceOf(type(InvalidConfigException.class))
            .satisfies(e -> assertThat(e.problems()).extracting(ConfigProblem::key)
                .containsExactlyInAnyOrder("input.0.role", "input.1.content", "input.2.content", "range",
                        "sampling_params.temperature", "sampling_params.heat", "sampling_params.reasoning_effort",
                        "model", "api_key_env"));
        assertThatThrownBy(() -> grader(Map.of("base_url", "http://10.0.0.1/v1"), Services.simple()))
            .hasMessageContaining("d3s.network.allow");
        assertThatThrownBy(() -> grader(Map.of("input", List.of()), Services.simple()))
            .hasMessageContaining("at least one message");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"0.7 | 0.7", "Score: 0.7 | 0.7", "{\"result\": 0.7} | 0.7",
            "{\"score\": \"0.7\"} | 0.7", "```json\\n{\"result\": 0.7}\\n``` | 0.7",
            "{\"steps\": [{\"description\": \"a {brace}\", \"conclusion\": \"9\"}], \"result\": 0.7} | 0.7",
            "first {\"result\": 0.1} then {\"result\": 0.7}. | 0.7", "I give 7/10 | 0.7", "70% | 0.7",
            "{\"reasoning\": \"1 2 3\"} so 0.7 | 0.7", "<think>1</think>0.7 | 0.7", "**0.7** | 0.7", "1.5 | 1",
            "-3 | 0", "{\"result\": 1e300} | 1", "none | nothing", "{\"result\": \"good\"} | nothing", "'' | nothing",
            "<think>0.5</think> | nothing", "{\"result\": NaN} | nothing"})
    void shouldFindTheScore(String text, String score) {
        ModelScore unit = new ModelScore(0, 1, true);
        if (score.equals("nothing")) {
            assertThatThrownBy(() -> unit.of(text)).asInstanceOf(type(D3sException.class))
                .satisfies(e -> assertThat(e.code()).isEqualTo("no_score"));
        } else {
            assertThat(unit.of(text.replace("\\n", "\n"))).isCloseTo(Double.parseDouble(score), within(1e-12));
        }
    }

    @Test
    void shouldKnowItsRange() {
        ModelScore ten = new ModelScore(1, 10, false);
        assertThat(ten.of("7/10")).isEqualTo(7);
        assertThat(ten.of("50%")).isEqualTo(5.5);
        assertThat(ten.of("10")).isEqualTo(10);
        assertThatThrownBy(() -> ten.of("11")).hasMessageContaining("11.0, which is not in the range 1.0 to 10.0");
        assertThat(new ModelScore(1, 10, true).of("11")).isEqualTo(10);
    }

    @Test
    void shouldReadBabbleQuickly() {
        ModelScore unit = new ModelScore(0, 1, true);
        for (String part : List.of("{", "}", "{}", "{\"result\":", "{\"a\":{", "1 ", "```")) {
            try {
                assertThat(unit.of(part.repeat(20_000))).isBetween(0.0, 1.0);
            } catch (D3sException e) {
                assertThat(e.code()).isEqualTo("no_score");
            }
        }
    }
}

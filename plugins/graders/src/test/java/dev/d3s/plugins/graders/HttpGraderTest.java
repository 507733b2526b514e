package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

@Timeout(60)
class HttpGraderTest {
    private static final Map<String, String> ENVIRONMENT = Map.of("D3S_GRADER_KEY", "s3cret", "D3S_GRADER_BOUND", "s",
            "D3S_GRADER_BOUND_HOST", "graders.example.org", "HOME", "/root");

    private static RewardFunction grader(String url, Map<String, Object> options) {
        Map<String, Object> config = new HashMap<>(Map.of("url", url, "backoff_ms", 1.0));
        config.putAll(options);
        return Services.make(new HttpGrader.Factory(ENVIRONMENT::get), config, Services.simple());
    }

    private static RewardInput rollout(String completion) {
        return new RewardInput("a prompt", completion, false, Map.of("answer", 42L), 7);
    }

    /** The length of each completion. */
    private static StubService.Answer lengths(StubService.Request request) {
        return StubService.Answer.of(request.rollouts()
            .stream()
            .map(rollout -> "{\"reward\": " + String.valueOf(Members.of(rollout).get("completion")).length() + "}")
            .collect(Collectors.joining(",", "{\"results\": [", "]}")));
    }

    private static Future<Grade> start(RewardFunction grader, String completion) {
        FutureTask<Grade> task = new FutureTask<>(() -> grader.grade(rollout(completion)));
        Thread.ofVirtual().start(task);
        return task;
    }

    private static void fails(String answer, String message) throws Exception {
        try (StubService service = new StubService(request -> StubService.Answer.of(answer));
                RewardFunction grader = grader(service.url(), Map.of())) {
            assertThatThrownBy(() -> grader.score(rollout("x"))).hasMessageContaining(message)
                .asInstanceOf(type(D3sException.class))
                .satisfies(e -> assertThat(e.category()).isEqualTo(ErrorCategory.EXTERNAL));
            assertThat(service.requests).as("an answer that makes no sense is not asked for again").hasSize(1);
        }
    }

    @Test
    void shouldSendWhatIsKnownOfARollout() throws Exception {
        try (StubService service = new StubService(request -> StubService.Answer
            .of("{\"results\": [{\"reward\": 0.25, \"parts\": {\"style\": 1, \"truth\": -0.5}}], \"more\": null}"));
                RewardFunction grader = grader(service.url() + "/score?x=1", Map.of("name", "mine"))) {
            assertThat(grader.grade(rollout("done \"\u6c49\n")))
                .isEqualTo(new Grade(0.25, Map.of("style", 1.0, "truth", -0.5)));
            StubService.Request request = service.requests.element();
            assertThat(request.path()).isEqualTo("/score?x=1");
            assertThat(request.json()).isEqualTo(Map.of("grader", "mine", "rollouts",
                    List.of(Map.of("prompt", "a prompt", "completion", "done \"\u6c49\n", "truncated", false,
                            "completion_tokens", 7.0, "item", Map.of("answer", 42.0)))));
            assertThat(request.header("Content-Type")).isEqualTo("application/json");
            assertThat(request.header("X-D3S-Request-Id")).isNotEmpty();
            assertThat(request.header("Authorization")).isEmpty();
            assertThat(grader.score(Rows.rollout("untokenized", Map.of()))).isEqualTo(0.25);
        }
    }

    /** While the only connection is taken, what comes goes out together, full batches first. */
    @Test
    void shouldSendWhatComesTogetherTogether() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch first = new CountDownLatch(1);
        try (StubService service = new StubService(request -> {
            first.countDown();
            awaited(release);
            return lengths(request);
        });
                RewardFunction grader = grader(service.url(),
                        Map.of("batch_size", 4, "concurrency", 1, "batch_wait_ms", 1000.0))) {
            List<Future<Grade>> grades = new ArrayList<>();
            for (int i = 1; i <= 4; i++) {
                grades.add(start(grader, "x".repeat(i)));
            }
            first.await(); // four are a full batch, so it does not wait for its second
            for (int i = 5; i <= 12; i++) {
                grades.add(start(grader, "x".repeat(i)));
            }
            release.countDown();
            for (int i = 0; i < grades.size(); i++) {
                assertThat(grades.get(i).get().reward()).isEqualTo(i + 1);
            }
            assertThat(service.requests).extracting(request -> request.rollouts().size()).containsExactly(4, 4, 4);
        }
    }

    @Test
    void shouldNotHoldMoreConnectionsThanAllowed() throws Exception {
        AtomicInteger now = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch three = new CountDownLatch(3);
        try (StubService service = new StubService(request -> {
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            three.countDown();
            awaited(three);
            now.decrementAndGet();
            return lengths(request);
        }); RewardFunction grader = grader(service.url(), Map.of("batch_size", 1, "concurrency", 3))) {
            List<Future<Grade>> grades = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                grades.add(start(grader, "x"));
            }
            for (Future<Grade> grade : grades) {
                assertThat(grade.get().reward()).isEqualTo(1);
            }
            assertThat(most).hasValue(3);
        }
    }

    private static void awaited(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void shouldLetAnErrorCostItsRolloutOnly() throws Exception {
        try (StubService service = new StubService(request -> StubService.Answer.of(request.rollouts()
            .stream()
            .map(rollout -> switch (String.valueOf(Members.of(rollout).get("completion"))) {
                case "bad" -> "{\"error\": \"no compiler\"}";
                case "odd" -> "{\"reward\": \"high\"}";
                default -> "{\"reward\": 1}";
            })
            .collect(Collectors.joining(",", "{\"results\": [", "]}"))));
                RewardFunction grader = grader(service.url(), Map.of("batch_size", 3, "batch_wait_ms", 1000.0))) {
            Future<Grade> good = start(grader, "good");
            Future<Grade> bad = start(grader, "bad");
            Future<Grade> odd = start(grader, "odd");
            assertThat(good.get().reward()).isEqualTo(1);
            assertThatThrownBy(bad::get).isInstanceOf(ExecutionException.class)
                .hasMessageContaining("could not grade this rollout: no compiler");
            assertThatThrownBy(odd::get).hasMessageContaining("neither a number 'reward' nor a text 'error'");
            assertThat(service.requests).hasSize(1);
        }
    }

    @Test
    void shouldRefuseAnswersThatAreNotInTheFormat() throws Exception {
        fails("", "is not JSON: it is empty");
        fails("<html>sorry</html>", "is not JSON");
        fails("{\"results\": [{\"reward\": 1}", "is not JSON");
        fails("[".repeat(1000), "is not JSON");
        fails("[1]", "has no list 'results'");
        fails("{\"results\": []}", "has 0 results for 1 rollouts");
        fails("{\"results\": [{\"reward\": 1}, {\"reward\": 2}]}", "has 2 results for 1 rollouts");
        fails("{\"results\": [7]}", "neither a number 'reward'");
        fails("{\"results\": [{\"reward\": 1, \"parts\": {\"a b\": 1}}]}", "has parts in result 0");
        fails("{\"results\": [{\"reward\": 1, \"parts\": {\"a\": \"x\"}}]}", "has parts in result 0");
        fails("x".repeat(HttpExchange.MAXIMUM_ANSWER + 1), "answered more than 16777216 bytes.");
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 502, 503, 504})
    void shouldTryAgainAfterAFailureThatCanPass(int status) throws Exception {
        AtomicInteger attempts = new AtomicInteger();
        try (StubService service = new StubService(request -> attempts.incrementAndGet() < 3
                ? new StubService.Answer(status, "busy", Map.of())
                : lengths(request)); RewardFunction grader = grader(service.url(), Map.of("retries", 2))) {
            assertThat(grader.score(rollout("four"))).isEqualTo(4);
            assertThat(service.requests).hasSize(3);
            assertThat(service.requests.stream().map(request -> request.header("X-D3S-Request-Id")).distinct())
                .as("by its id the service knows an attempt for a repetition")
                .hasSize(1);
        }
    }

    @Test
    void shouldGiveUpAfterItsLastAttempt() throws Exception {
        try (StubService service = new StubService(request -> new StubService.Answer(503, "down", Map.of()));
                RewardFunction grader = grader(service.url(), Map.of("retries", 2))) {
            assertThatThrownBy(() -> grader.score(rollout("x")))
                .hasMessageMatching("127\\.0\\.0\\.1:\\d+ answered 503, at the last of 3 attempts\\.")
                .asInstanceOf(type(D3sException.class))
                .satisfies(e -> assertThat(e.code()).isEqualTo("service_failed"));
            assertThat(service.requests).hasSize(3);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"400 | answered 400: no such thing", "401 | answered 401",
            "404 | answered 404",
            "302 | answered 302, which sends elsewhere; name the final URL."})
    void shouldNotRepeatWhatCannotPass(int status, String message) throws Exception {
        try (StubService service = new StubService(request -> request.path().equals("/other")
                ? lengths(request)
                : new StubService.Answer(status, "no such\n thing", Map.of("Location", "/other")));
                RewardFunction grader = grader(service.url() + "/here", Map.of())) {
            assertThatThrownBy(() -> grader.score(rollout("x"))).hasMessageContaining(message);
            assertThat(service.requests).hasSize(1);
        }
    }

    @Test
    void shouldHonourRetryAfter() throws Exception {
        AtomicInteger attempts = new AtomicInteger();
        try (StubService service = new StubService(request -> attempts.incrementAndGet() == 1
                ? new StubService.Answer(429, "", Map.of("Retry-After", "1"))
                : lengths(request)); RewardFunction grader = grader(service.url(), Map.of())) {
            long begin = System.nanoTime();
            assertThat(grader.score(rollout("x"))).isEqualTo(1);
            assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(1_000_000_000L);
        }
        try (StubService service = new StubService(
                request -> new StubService.Answer(429, "", Map.of("Retry-After", "3600")));
                RewardFunction grader = grader(service.url(), Map.of())) {
            assertThatThrownBy(() -> grader.score(rollout("x"))).hasMessageContaining("asked to come back in 3600 s");
            assertThat(service.requests).hasSize(1);
        }
        for (String odd : List.of("soon", "", "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999")) {
            attempts.set(0);
            try (StubService service = new StubService(request -> attempts.incrementAndGet() == 1
                    ? new StubService.Answer(503, "", Map.of("Retry-After", odd))
                    : lengths(request)); RewardFunction grader = grader(service.url(), Map.of())) {
                assertThat(grader.score(rollout("x"))).as(odd).isEqualTo(1);
            }
        }
    }

    @Test
    void shouldLimitTheTimeOfAnAttempt() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        try (StubService service = new StubService(request -> {
            awaited(never);
            return lengths(request);
        }); RewardFunction grader = grader(service.url(), Map.of("timeout_seconds", 0.2, "retries", 1))) {
            assertThatThrownBy(() -> grader.score(rollout("x")))
                .hasMessageContaining("took longer than 0.2 s, at the last of 2 attempts.");
            never.countDown();
        }
    }

    /** Headers come, the body never does. */
    @Test
    void shouldLimitTheTimeOfABodyToo() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 5, InetAddress.ofLiteral("127.0.0.1"))) {
            Thread server = Thread.ofVirtual().start(() -> {
                try (var connection = socket.accept()) {
                    connection.getOutputStream()
                        .write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".getBytes(StandardCharsets.US_ASCII));
                    connection.getOutputStream().flush();
                    new CountDownLatch(1).await();
                } catch (IOException | InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            try (RewardFunction grader = grader("http://127.0.0.1:" + socket.getLocalPort(),
                    Map.of("timeout_seconds", 0.3, "retries", 0))) {
                assertThatThrownBy(() -> grader.score(rollout("x"))).hasMessageContaining("took longer than 0.3 s.");
            }
            server.interrupt();
        }
    }

    @Test
    void shouldSayThatNobodyListens() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        try (RewardFunction grader = grader("http://127.0.0.1:" + port, Map.of("retries", 1))) {
            assertThatThrownBy(() -> grader.score(rollout("x")))
                .hasMessageContaining("could not be reached or broke off")
                .hasMessageContaining("at the last of 2 attempts.");
        }
    }

    @Test
    void shouldEndItsRequestWhenNobodyWaitsAnyMore() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        try (StubService service = new StubService(request -> {
            asked.countDown();
            awaited(never);
            return lengths(request);
        }); RewardFunction grader = grader(service.url(), Map.of("concurrency", 1, "batch_wait_ms", 0.0))) {
            FutureTask<Grade> waiting = new FutureTask<>(() -> grader.grade(rollout("x")));
            Thread thread = Thread.ofVirtual().start(waiting);
            asked.await();
            thread.interrupt();
            assertThatThrownBy(waiting::get).cause().isInstanceOf(InterruptedException.class);
            // the one connection is free again
            never.countDown();
            assertThat(grader.score(rollout("xy"))).isEqualTo(2);
        }
    }

    @Test
    void shouldGiveUpWhatRunsWhenItIsClosed() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        try (StubService service = new StubService(request -> {
            asked.countDown();
            awaited(never);
            return lengths(request);
        })) {
            RewardFunction grader = grader(service.url(), Map.of());
            Future<Grade> waiting = start(grader, "x");
            asked.await();
            grader.close();
            assertThatThrownBy(waiting::get).hasMessageContaining("given up");
            assertThatThrownBy(() -> grader.score(rollout("x"))).hasMessage("The grader is closed.");
            never.countDown();
        }
    }

    @Test
    void shouldSendAndSignWithSecretsOfTheServer() throws Exception {
        try (StubService service = new StubService(HttpGraderTest::lengths);
                RewardFunction grader = grader(service.url(),
                        Map.of("bearer_env", "D3S_GRADER_KEY", "hmac_env", "D3S_GRADER_KEY"))) {
            grader.score(rollout("x"));
            StubService.Request request = service.requests.element();
            assertThat(request.header("Authorization")).isEqualTo("Bearer s3cret");
            assertThat(request.header("X-D3S-Signature")).isEqualTo("sha256="
                    + HttpGrader.signature("s3cret", request.header("X-D3S-Timestamp") + "." + request.body()));
        }
        // RFC 4231, test case 2
        assertThat(HttpGrader.signature("Jefe", "what do ya want for nothing?"))
            .isEqualTo("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    @Test
    void shouldKeepSecretsFromWhereTheyDoNotBelong() {
        String url = "https://graders.example.org/x";
        refuses(url, Map.of("bearer_env", "HOME"), "begins with D3S_GRADER_");
        refuses(url, Map.of("hmac_env", "D3S_GRADER_NONE"), "no environment variable D3S_GRADER_NONE");
        refuses("http://graders.example.org/x", Map.of("bearer_env", "D3S_GRADER_KEY"), "over https only");
        refuses("https://evil.example.org/x", Map.of("bearer_env", "D3S_GRADER_BOUND"), "for another host");
        grader(url, Map.of("bearer_env", "D3S_GRADER_BOUND")).close();
    }

    private static void refuses(String url, Map<String, Object> options, String message) {
        assertThatThrownBy(() -> grader(url, options)).hasMessageContaining(message).hasMessageNotContaining("s3cret");
    }

    @Test
    void shouldNotReachTheInsideWithoutLeave() throws Exception {
        Function<Map<String, Object>, RewardFunction> make = config -> Services.make(new HttpGrader.Factory(), config,
                GraderServices.none());
        assertThatThrownBy(() -> make.apply(Map.of("url", "http://127.0.0.1:9/"))).hasMessageContaining(
                "adding 127.0.0.1:9 to d3s.network.allow");
        // a name is looked up when it is asked
        try (RewardFunction grader = make.apply(Map.of("url", "http://ip6-localhost-nowhere.invalid/", "retries", 0))) {
            assertThatThrownBy(() -> grader.score(rollout("x"))).hasMessageContaining("There is no host");
        }
    }
}

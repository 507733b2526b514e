package dev.d3s.server.webhook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.Headers;
import com.openai.errors.InvalidWebhookSignatureException;
import com.openai.models.webhooks.UnwrapWebhookEvent;
import com.openai.models.webhooks.WebhookVerificationParams;

import dev.d3s.server.Listener;
import dev.d3s.server.Listener.Answer;
import dev.d3s.server.config.WebhookSettings;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.job.PlayedRun;
import dev.d3s.server.job.TestServer;
import dev.d3s.server.webhook.WebhookDelivery.Pace;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

@Timeout(60)
class WebhookDeliveryTest {
    private static final String SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    private static final Pace FAST = new Pace(Duration.ofMillis(10), Duration.ofSeconds(5), Duration.ofMillis(20));

    private final Listener listener = new Listener(request -> Answer.of(204));
    private final Path home;
    private final List<AutoCloseable> open = new ArrayList<>();

    WebhookDeliveryTest(@TempDir Path home) {
        this.home = home;
        TestServer.baseModel(home, "base");
        open.add(listener);
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    private TestServer server() {
        TestServer server = new TestServer(home);
        open.add(server);
        return server;
    }

    private WebhookDelivery delivery(TestServer server, Duration patience) {
        WebhookDelivery delivery = new WebhookDelivery(
                new WebhookSettings(listener.address().resolve("/hooks"), SECRET, patience), server.outbox,
                server.undelivered, FAST);
        open.add(delivery);
        delivery.start();
        return delivery;
    }

    private WebhookDelivery delivery(TestServer server) {
        return delivery(server, Duration.ofDays(1));
    }

    private static Job finished(TestServer server) throws Exception {
        return server.await(server.jobs.create(TestServer.CALLER, server.request(2)).id(), JobStatus.SUCCEEDED);
    }

    private static UnwrapWebhookEvent unwrapped(Listener.Heard heard, String secret) {
        Headers.Builder headers = Headers.builder();
        heard.headers().forEach((name, values) -> headers.put(name, values));
        return OpenAIOkHttpClient.builder()
            .apiKey("none")
            .build()
            .webhooks()
            .unwrap(WebhookVerificationParams.builder()
                .payload(heard.body())
                .headers(headers.build())
                .secret(secret)
                .build());
    }

    @Test
    void shouldTellOfEveryEndInAWayThatOpenAisClientAccepts() throws Exception {
        TestServer server = server();
        delivery(server);
        server.jobs.start();

        Job succeeded = finished(server);
        Listener.Heard first = listener.next();
        assertThat(first.method()).isEqualTo("POST");
        assertThat(first.path()).isEqualTo("/hooks");
        UnwrapWebhookEvent event = unwrapped(first, SECRET);
        assertThat(event.asFineTuningJobSucceeded().data().id()).isEqualTo(succeeded.id());
        assertThat(event.asFineTuningJobSucceeded().id()).startsWith("evt_").isEqualTo(first.header("webhook-id"));
        assertThat(Instant.ofEpochSecond(event.asFineTuningJobSucceeded().createdAt()))
            .isBetween(Instant.now().minusSeconds(60), Instant.now());

        server.training.failAt(1, () -> {
            throw new D3sException(ErrorCategory.EXTERNAL, "broken", "It broke.");
        });
        Job failed = server.await(server.jobs.create(TestServer.CALLER, server.request(2)).id(), JobStatus.FAILED);
        assertThat(unwrapped(listener.next(), SECRET).asFineTuningJobFailed().data().id()).isEqualTo(failed.id());

        server.training.reset();
        server.training.hold();
        Job queued = server.jobs.create(TestServer.CALLER, server.request(2));
        server.jobs.cancel(TestServer.CALLER, queued.id());
        server.await(queued.id(), JobStatus.CANCELLED);
        assertThat(unwrapped(listener.next(), SECRET).asFineTuningJobCancelled().data().id()).isEqualTo(queued.id());
        assertThat(listener.waiting()).isZero();
    }

    @Test
    void shouldTellOfAJobWhoseLargeFileIsWrong() throws Exception {
        TestServer server = server();
        delivery(server);
        server.jobs.start();
        String rows = "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n".repeat(100) + "no json\n";

        Job job = server.jobs.create(TestServer.CALLER,
                server.request(2).put("training_file", server.upload(rows).id()));

        assertThat(job.status()).isEqualTo(JobStatus.VALIDATING_FILES);
        assertThat(unwrapped(listener.next(), SECRET).asFineTuningJobFailed().data().id()).isEqualTo(job.id());
    }

    @Test
    void shouldSignWhatItSends() throws Exception {
        TestServer server = server();
        delivery(server);
        server.jobs.start();
        finished(server);
        Listener.Heard heard = listener.next();

        unwrapped(heard, SECRET);
        assertThatThrownBy(() -> unwrapped(heard, "whsec_" + "A".repeat(43) + "="))
            .isInstanceOf(InvalidWebhookSignatureException.class);
        Listener.Heard changed = new Listener.Heard(heard.method(), heard.path(), heard.headers(),
                heard.body().replace("succeeded", "cancelled"));
        assertThatThrownBy(() -> unwrapped(changed, SECRET)).isInstanceOf(InvalidWebhookSignatureException.class);
    }

    @Test
    void shouldTellOfEvaluations() throws Exception {
        TestServer server = server();
        delivery(server);
        String id = server.evals.create(TestServer.CALLER, TestServer.json("""
                {"model": "base", "file": "%s", "grader": {"type": "string_check", "name": "exact",
                 "input": "{{sample.output_text}}", "reference": "{{item.answer}}", "operation": "eq"}}""".formatted(
                server.upload("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n").id())))
            .id();
        server.evals.cancel(TestServer.CALLER, id);

        assertThat(unwrapped(listener.next(), SECRET).asEvalRunCanceled().data().id()).isEqualTo(id);
    }

    @Test
    void shouldTryAgainWithTheSameIdUntilAccepted() throws Exception {
        int[] calls = {0};
        listener.answer(request -> Answer.of(++calls[0] < 4 ? 500 : 200));
        TestServer server = server();
        WebhookDelivery delivery = delivery(server);
        server.jobs.start();
        finished(server);

        Set<String> ids = new HashSet<>();
        for (int attempt = 0; attempt < 4; attempt++) {
            ids.add(listener.next().header("webhook-id"));
        }
        assertThat(ids).hasSize(1);
        await(() -> delivery.totals().delivered() == 1);
        assertThat(delivery.totals()).isEqualTo(new WebhookDelivery.Totals(1, 3, 0));
        assertThat(delivery.trouble()).isEmpty();
        assertThat(listener.waiting()).isZero();
    }

    @Test
    void shouldSendAfterARestartWhatWasNotAccepted() throws Exception {
        listener.answer(request -> Answer.of(503));
        String id;
        try (TestServer first = new TestServer(home); WebhookDelivery delivery = delivery(first)) {
            first.jobs.start();
            finished(first);
            id = listener.next().header("webhook-id");
            await(() -> delivery.trouble().isPresent());
            assertThat(delivery.trouble()).get()
                .asString()
                .startsWith("1 report waits for the webhook: 127.0.0.1:")
                .endsWith("answered 503.");
        }
        while (listener.waiting() > 0) {
            listener.next();
        }
        listener.answer(request -> Answer.of(200));
        delivery(server());

        assertThat(listener.next().header("webhook-id")).isEqualTo(id);
    }

    @Test
    void shouldSendAReportFromOneServerAtATime() throws Exception {
        Set<String> underWay = ConcurrentHashMap.newKeySet();
        Set<String> twice = ConcurrentHashMap.newKeySet();
        listener.answer(request -> {
            String id = request.header("webhook-id");
            if (!underWay.add(id)) {
                twice.add(id);
            }
            return Answer.of(200);
        });
        TestServer first = server();
        TestServer second = server();
        first.outbox.open();
        int reports = 40;
        for (int index = 0; index < reports; index++) {
            first.jobs.cancel(TestServer.CALLER, first.jobs.create(TestServer.CALLER, first.request(2)).id());
        }
        WebhookDelivery one = delivery(first);
        WebhookDelivery other = delivery(second);

        for (int index = 0; index < reports; index++) {
            listener.next();
        }
        await(() -> one.totals().delivered() + other.totals().delivered() == reports);
        assertThat(twice).isEmpty();
        assertThat(underWay).hasSize(reports);
    }

    @Test
    void shouldGiveUpWithAnEvent() throws Exception {
        listener.answer(request -> Answer.of(404));
        TestServer server = server();
        WebhookDelivery delivery = delivery(server, Duration.ofMillis(60));
        server.jobs.start();
        Job job = finished(server);

        await(() -> delivery.totals().givenUp() == 1);
        await(() -> server.jobs.events(TestServer.CALLER, job.id(), null, 1)
            .elements()
            .getFirst()
            .level() == Level.WARN);
        assertThat(server.jobs.events(TestServer.CALLER, job.id(), null, 1).elements().getFirst().message())
            .matches("The webhook was not told that the job has ended: given up after \\d+ attempts?. "
                    + "127.0.0.1:\\d+ answered 404.");
        assertThat(delivery.trouble()).isEmpty();
    }

    @Test
    void shouldGiveUpAtOnceWhereTheListenerIsGone() throws Exception {
        listener.answer(request -> Answer.of(410));
        TestServer server = server();
        WebhookDelivery delivery = delivery(server);
        server.jobs.start();
        finished(server);

        await(() -> delivery.totals().givenUp() == 1);
        assertThat(delivery.totals().failed()).isEqualTo(1);
    }

    @Test
    void shouldReportNothingThatWasNotStored() {
        TestServer server = server();
        server.outbox.open();
        server.jobs.create(TestServer.CALLER, server.request(2));
        PlayedRun run = server.claim();
        run.cancelledByOthers();

        assertThatThrownBy(run::succeeded).hasMessageContaining("no longer the job's run");
        assertThat(server.outbox.claim(10, Long.MAX_VALUE - 1, Long.MAX_VALUE))
            .extracting(WebhookOutbox.Report::type)
            .containsExactly("fine_tuning.job.cancelled");
    }

    @Test
    void shouldReportNothingWhereNobodyListens() {
        TestServer server = server();
        WebhookDelivery delivery = new WebhookDelivery(WebhookSettings.NONE, server.outbox, server.undelivered);
        delivery.start();
        server.jobs.cancel(TestServer.CALLER, server.jobs.create(TestServer.CALLER, server.request(2)).id());

        assertThat(server.outbox.claim(10, Long.MAX_VALUE - 1, Long.MAX_VALUE)).isEmpty();
        delivery.close();
    }

    private static void await(java.util.function.BooleanSupplier condition) {
        long limit = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(limit);
            Thread.onSpinWait();
        }
    }
}

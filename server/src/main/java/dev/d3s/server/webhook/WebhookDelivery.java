package dev.d3s.server.webhook;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.WebhookSettings;
import dev.d3s.server.store.Courier;
import dev.d3s.server.webhook.WebhookOutbox.Report;
import dev.d3s.spi.OutgoingClient;

/**
 * Sends what is in {@link WebhookOutbox}: each report at least once, always with the same id, until somebody answers with a 2xx
 * or patience ends; then an event says so. One thread of its own, and one more for each attempt. Started
 * and closed with the server. What is under way when the server stops or dies is sent again.
 *
 * <p>
 * The operator chose the address, so it may be inside the server's network; redirections are not followed.
 */
@Singleton
public class WebhookDelivery implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(WebhookDelivery.class);
    private static final int AT_ONCE = 8;
    private static final Duration KEPT = Duration.ofDays(30);
    private static final Duration LONGEST_PAUSE = Duration.ofHours(6);
    private static final int GONE = 410;
    private static final int SHOWN = 200;

    /**
     * How patient it is.
     *
     * @param look between two looks into the table, for what other servers leave behind
     * @param attempt limit of one attempt
     * @param firstPause after the first attempt; four times as long after each further one, up to 6 hours
     */
    record Pace(Duration look, Duration attempt, Duration firstPause) {
        static final Pace USUAL = new Pace(Duration.ofSeconds(1), Duration.ofSeconds(15), Duration.ofSeconds(5));
    }

    private final WebhookSettings settings;
    private final WebhookOutbox outbox;
    private final UndeliveredReports undelivered;
    private final Pace pace;
    private final AtomicLong delivered = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final AtomicLong givenUp = new AtomicLong();
    /** When old reports were deleted last; on the watch's thread. */
    private long cleaned;
    private final Courier courier;

    @Inject
    WebhookDelivery(WebhookSettings settings, WebhookOutbox outbox, UndeliveredReports undelivered) {
        this(settings, outbox, undelivered, Pace.USUAL);
    }

    WebhookDelivery(WebhookSettings settings, WebhookOutbox outbox, UndeliveredReports undelivered, Pace pace) {
        this.settings = settings;
        this.outbox = outbox;
        this.undelivered = undelivered;
        this.pace = pace;
        this.courier = new Courier("d3s-webhooks", pace.look(), pace.attempt(), this::look);
    }

    /** Begins to report and to send; does nothing where no address is set. To be called before jobs run. */
    public void start() {
        if (settings.url() != null) {
            outbox.open();
            courier.start();
        }
    }

    /** Attempts under way are abandoned, and made again by the next start. */
    @Override
    public void close() {
        courier.close();
    }

    /**
     * What has become of reports since the start.
     *
     * @param delivered that were accepted
     * @param failed attempts that were not
     * @param givenUp reports
     */
    public record Totals(long delivered, long failed, long givenUp) {}

    public Totals totals() {
        return new Totals(delivered.get(), failed.get(), givenUp.get());
    }

    /** What keeps reports from being accepted; empty when all is well. */
    public Optional<String> trouble() {
        if (settings.url() == null) {
            return Optional.empty();
        }
        return Optional.ofNullable(outbox.trouble())
            .map(trouble -> trouble.reports() + (trouble.reports() == 1 ? " report waits" : " reports wait")
                    + " for the webhook: " + trouble.lastError());
    }

    private void look(OutgoingClient client) throws InterruptedException {
        URI url = Objects.requireNonNull(settings.url());
        long now = System.currentTimeMillis();
        if (now - cleaned > TimeUnit.HOURS.toMillis(1)) {
            outbox.forget(now - KEPT.toMillis());
            cleaned = now;
        }
        // claimed for longer than the attempt and what follows it can take
        Courier.each(outbox.claim(AT_ONCE, now, now + pace.attempt().toMillis() * 2 + 5000),
                report -> attempt(report, url, client));
    }

    /**
     * How an attempt ended.
     *
     * @param error {@code null} when it was accepted
     * @param last whether there is no use in another
     * @param askedFor a pause that the other side asked for
     */
    private record Outcome(@Nullable String error, boolean last, Duration askedFor) {}

    private void attempt(Report report, URI url, OutgoingClient client) {
        try {
            Outcome outcome = send(report, url, client);
            String error = outcome.error();
            if (error == null) {
                outbox.delivered(report);
                delivered.incrementAndGet();
                return;
            }
            failed.incrementAndGet();
            long next = System.currentTimeMillis() + Math.max(pause(report.attempts()), outcome.askedFor().toMillis());
            if (outcome.last() || next - report.createdAt() > settings.patience().toMillis()) {
                giveUp(report, error);
            } else {
                LOG.debugf("Report %s was not accepted, attempt %d: %s", report.id(), report.attempts(), error);
                outbox.tryAgain(report, next, error);
            }
        } catch (InterruptedException e) {
            // whoever serves next sends it at once
            outbox.tryAgain(report, System.currentTimeMillis(), "The server stopped during an attempt.");
        } catch (RuntimeException e) {
            LOG.warnf("What became of report %s could not be stored, so it is sent again: %s", report.id(),
                    e.getMessage());
        }
    }

    private Outcome send(Report report, URI url, OutgoingClient client) throws InterruptedException {
        WebhookMessage message = WebhookMessage.of(report, settings.key(), System.currentTimeMillis() / 1000);
        HttpRequest.Builder request = HttpRequest.newBuilder(url)
            .timeout(pace.attempt())
            .POST(HttpRequest.BodyPublishers.ofString(message.body()));
        message.headers().forEach(request::setHeader);
        try {
            HttpResponse<Void> response = client.open().send(request.build(), BodyHandlers.discarding());
            int status = response.statusCode();
            if (status >= 200 && status < 300) {
                return new Outcome(null, true, Duration.ZERO);
            }
            return new Outcome(url.getAuthority() + " answered " + status
                    + (status >= 300 && status < 400 ? ", which sends elsewhere: set d3s.webhooks.url to that" : "")
                    + ".",
                    status == GONE, retryAfter(response));
        } catch (HttpTimeoutException e) {
            return new Outcome(url.getAuthority() + " did not answer within " + pace.attempt().toSeconds() + " s.",
                    false,
                    Duration.ZERO);
        } catch (IOException e) {
            if (courier.closed()) {
                throw new InterruptedException();
            }
            String text = String.valueOf(e.getMessage());
            return new Outcome(url.getAuthority() + " could not be reached: " + (e.getMessage() == null
                    ? e.getClass().getSimpleName()
                    : text.substring(0, Math.min(SHOWN, text.length()))) + ".", false, Duration.ZERO);
        }
    }

    private void giveUp(Report report, String error) {
        if (!outbox.givenUp(report, error)) {
            return;
        }
        givenUp.incrementAndGet();
        String text = "The webhook was not told that the " + (report.type().startsWith("eval") ? "evaluation" : "job")
                + " has ended: given up after " + report.attempts()
                + (report.attempts() == 1 ? " attempt. " : " attempts. ") + error;
        LOG.warnf("%s (%s, %s)", text, report.subject(), report.id());
        undelivered.note(report.subject(), text);
    }

    /** Milliseconds after an attempt, with a random part so that many reports do not come back together. */
    private long pause(int attempts) {
        double full = Math.min((double) LONGEST_PAUSE.toMillis(),
                (double) pace.firstPause().toMillis() * Math.pow(4, attempts - 1.0));
        return (long) (full * (0.75 + 0.5 * ThreadLocalRandom.current().nextDouble()));
    }

    private static Duration retryAfter(HttpResponse<?> response) {
        try {
            String value = response.headers().firstValue("Retry-After").orElse("").strip();
            if (value.isEmpty()) {
                return Duration.ZERO;
            }
            Duration asked = value.matches("[0-9]{1,8}")
                    ? Duration.ofSeconds(Long.parseLong(value))
                    : Duration.between(Instant.now(),
                            ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
            return asked.isNegative() ? Duration.ZERO : asked.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : asked;
        } catch (DateTimeException e) {
            return Duration.ZERO; // not a time: as if it were absent
        }
    }
}

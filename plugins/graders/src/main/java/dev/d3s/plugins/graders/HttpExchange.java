package dev.d3s.plugins.graders;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.OutgoingClient;

/**
 * Sends JSON to one endpoint and waits for the answer: with a time limit for each attempt, and further attempts after
 * failures that can pass. Thread-safe; blocks its callers, who are virtual threads. Closed by the grader that made it.
 */
final class HttpExchange implements AutoCloseable {
    /** Of an answer, in bytes. */
    static final int MAXIMUM_ANSWER = 16 << 20;

    private static final Set<Integer> PASSING = Set.of(408, 425, 429, 500, 502, 503, 504);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
    private static final int SHOWN = 200;
    /** What the JDK says of a body beyond its limit; there is no type of exception for it. */
    private static final String TOO_LONG = "exceeds capacity";

    /**
     * @param timeLimit of one attempt, the whole answer included
     * @param retries further attempts
     * @param firstPause before the second attempt; doubles from one to the next, up to 30 seconds
     */
    record Patience(Duration timeLimit, int retries, Duration firstPause) {}

    /** A failure that may pass. */
    private static final class Passing extends Exception {
        private static final long serialVersionUID = 1L;

        private final Duration askedFor;

        Passing(String message, Duration askedFor, Throwable cause) {
            super(message, cause);
            this.askedFor = askedFor;
        }
    }

    private final GraderServices services;
    private final URI uri;
    private final Patience patience;
    private final OutgoingClient client;

    HttpExchange(GraderServices services, URI uri, Patience patience) {
        this.services = services;
        this.uri = uri;
        this.patience = patience;
        this.client = new OutgoingClient(patience.timeLimit());
    }

    /**
     * Posts JSON.
     *
     * @param headers of an attempt, made anew for each from its time
     * @return the answer's body
     * @throws D3sException of the category EXTERNAL when there is none
     */
    String post(String json, Function<Instant, Map<String, String>> headers) throws InterruptedException {
        for (int attempt = 0;; attempt++) {
            try {
                return attempt(json, headers.apply(Instant.now()));
            } catch (Passing e) {
                if (attempt >= patience.retries()) {
                    throw failure(
                            e.getMessage() + (attempt == 0 ? "" : ", at the last of " + (attempt + 1) + " attempts")
                                    + ".",
                            e);
                }
                if (e.askedFor.compareTo(LONGEST_PAUSE) > 0) {
                    throw failure(e.getMessage() + " and asked to come back in " + e.askedFor.toSeconds() + " s.", e);
                }
                pause(attempt, e.askedFor);
            }
        }
    }

    private String attempt(String json, Map<String, String> headers) throws Passing, InterruptedException {
        HttpRequest.Builder request = services.request(uri)
            .timeout(patience.timeLimit())
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(json));
        headers.forEach(request::setHeader);
        CompletableFuture<HttpResponse<String>> sent = open().sendAsync(request.build(),
                BodyHandlers.limiting(BodyHandlers.ofString(StandardCharsets.UTF_8), MAXIMUM_ANSWER));
        HttpResponse<String> response;
        try {
            response = sent.get(patience.timeLimit().toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            sent.cancel(true);
            throw late(e);
        } catch (InterruptedException e) {
            sent.cancel(true);
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof HttpTimeoutException) {
                throw late(e);
            }
            if (e.getCause() instanceof IOException io && String.valueOf(io.getMessage()).contains(TOO_LONG)) {
                throw failure("answered more than " + MAXIMUM_ANSWER + " bytes.", e);
            }
            String reason = e.getCause() instanceof IOException io && io.getMessage() != null
                    ? ": " + io.getMessage()
                    : "";
            throw new Passing("could not be reached or broke off" + reason, Duration.ZERO, e);
        }
        int status = response.statusCode();
        if (PASSING.contains(status)) {
            throw new Passing("answered " + status, retryAfter(response), new IOException(shortened(response.body())));
        }
        if (status >= 300 && status < 400) {
            throw failure("answered " + status + ", which sends elsewhere; name the final URL.", null);
        }
        if (status < 200 || status >= 300) {
            throw failure("answered " + status + ": " + shortened(response.body()), null);
        }
        return response.body();
    }

    private HttpClient open() {
        try {
            return client.open();
        } catch (IOException e) {
            throw new IllegalStateException("The grader is closed.", e);
        }
    }

    private Passing late(Exception cause) {
        return new Passing("took longer than " + patience.timeLimit().toMillis() / 1000.0 + " s", Duration.ZERO, cause);
    }

    private D3sException failure(String what, @Nullable Throwable cause) {
        return new D3sException(ErrorCategory.EXTERNAL, "service_failed", uri.getAuthority() + " " + what, cause);
    }

    private static Duration retryAfter(HttpResponse<?> response) {
        Optional<String> header = response.headers().firstValue("Retry-After");
        if (header.isEmpty()) {
            return Duration.ZERO;
        }
        String value = header.get().strip();
        try {
            Duration asked = value.chars().allMatch(c -> c >= '0' && c <= '9') && !value.isEmpty()
                    && value.length() < 10
                            ? Duration.ofSeconds(Long.parseLong(value))
                            : Duration.between(Instant.now(),
                                    ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
            return asked.isNegative() ? Duration.ZERO : asked;
        } catch (DateTimeException e) {
            return Duration.ZERO; // not a time: as if it were absent
        }
    }

    /** Exponential, with a random part so that many callers do not come back together. */
    private void pause(int attempt, Duration askedFor) throws InterruptedException {
        long full = Math.min(LONGEST_PAUSE.toNanos(),
                patience.firstPause().toNanos() * (1L << Math.min(attempt, 20)));
        long random = full / 2 + ThreadLocalRandom.current().nextLong(full / 2 + 1);
        Thread.sleep(Duration.ofNanos(Math.max(random, askedFor.toNanos())));
    }

    static String shortened(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= SHOWN ? line : line.substring(0, SHOWN) + "...";
    }

    @Override
    public void close() {
        client.close();
    }
}

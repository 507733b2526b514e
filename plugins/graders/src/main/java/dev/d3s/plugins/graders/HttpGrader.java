package dev.d3s.plugins.graders;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code http}: asks a service for rewards. Rollouts that come within a few milliseconds of each other, or while all
 * connections are busy, go out in one request; the README of this module has the wire format.
 *
 * <p>
 * Threads: callers wait for their own rollout. Each batch has a virtual thread, which ends early when nobody waits any more.
 * {@link #close} interrupts them.
 */
final class HttpGrader implements RewardFunction {
    /** @param bearer and hmac are secrets, absent where null */
    record Settings(String label, int batchSize, Duration patience, int concurrency, @Nullable String bearer,
            @Nullable String hmac) {}

    /** A rollout that somebody waits for. */
    private record Item(RewardInput rollout, CompletableFuture<Grade> grade) {}

    /** Rollouts of one request. */
    private final class Batch {
        /** Guarded by {@link #lock} until the batch is closed. */
        private final List<Item> items = new ArrayList<>();
        private final CountDownLatch full = new CountDownLatch(1);
        private final AtomicInteger waiting = new AtomicInteger();
        private final Thread thread = Thread.ofVirtual().name("http-grader").unstarted(this::run);

        private void run() {
            try {
                full.await(settings.patience().toNanos(), TimeUnit.NANOSECONDS); // or until the time is over
                permits.acquire(); // while all are taken the batch goes on filling
                try {
                    stopFilling(this);
                    answer(items);
                } finally {
                    permits.release();
                }
            } catch (InterruptedException | RuntimeException e) {
                stopFilling(this);
                items.forEach(item -> item.grade().completeExceptionally(e));
            } finally {
                running.remove(thread);
            }
        }
    }

    private final HttpExchange exchange;
    private final Settings settings;
    private final Semaphore permits;
    private final Set<Thread> running = ConcurrentHashMap.newKeySet();
    private final Object lock = new Object();
    // guarded by lock
    private @Nullable Batch filling;
    private boolean closed;

    HttpGrader(HttpExchange exchange, Settings settings) {
        this.exchange = exchange;
        this.settings = settings;
        this.permits = new Semaphore(settings.concurrency());
    }

    @Override
    public double score(RewardInput rollout) throws InterruptedException {
        return grade(rollout).reward();
    }

    @Override
    public Grade grade(RewardInput rollout) throws InterruptedException {
        Item item = new Item(rollout, new CompletableFuture<>());
        Batch batch = add(item);
        try {
            return item.grade().get();
        } catch (InterruptedException e) {
            if (batch.waiting.decrementAndGet() == 0) {
                batch.thread.interrupt();
            }
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof D3sException known) {
                throw known;
            }
            throw new D3sException(ErrorCategory.EXTERNAL, "service_failed", "The request was given up.", e);
        }
    }

    private Batch add(Item item) {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("The grader is closed.");
            }
            Batch batch = filling;
            if (batch == null) {
                batch = new Batch();
                filling = batch;
                running.add(batch.thread);
                batch.thread.start();
            }
            batch.items.add(item);
            batch.waiting.incrementAndGet();
            if (batch.items.size() == settings.batchSize()) {
                filling = null;
                batch.full.countDown();
            }
            return batch;
        }
    }

    private void stopFilling(Batch batch) {
        synchronized (lock) {
            if (filling == batch) {
                filling = null;
            }
        }
    }

    private void answer(List<Item> items) throws InterruptedException {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("grader", settings.label());
        body.put("rollouts", items.stream().map(item -> wire(item.rollout())).toList());
        String json = Json.write(body);
        String id = UUID.randomUUID().toString();
        String answer = exchange.post(json, now -> headers(id, now, json));
        Object read;
        try {
            read = Json.read(answer);
        } catch (IOException e) {
            throw broken("is not JSON: " + HttpExchange.shortened(String.valueOf(e.getMessage())));
        }
        if (!(Members.of(read).get("results") instanceof List<?> results)) {
            throw broken("has no list 'results'");
        }
        if (results.size() != items.size()) {
            throw broken("has " + results.size() + " results for " + items.size() + " rollouts");
        }
        for (int i = 0; i < results.size(); i++) {
            try {
                items.get(i).grade().complete(grade(results.get(i), i));
            } catch (D3sException e) {
                items.get(i).grade().completeExceptionally(e);
            }
        }
    }

    private static Map<String, Object> wire(RewardInput rollout) {
        Map<String, Object> wire = new LinkedHashMap<>();
        wire.put("prompt", rollout.prompt());
        wire.put("completion", rollout.completion());
        wire.put("truncated", rollout.truncated());
        if (rollout.completionTokens() != RewardInput.UNKNOWN) {
            wire.put("completion_tokens", rollout.completionTokens());
        }
        wire.put("item", rollout.item());
        return wire;
    }

    private Map<String, String> headers(String id, Instant now, String json) {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("X-D3S-Request-Id", id);
        if (settings.bearer() != null) {
            headers.put("Authorization", "Bearer " + settings.bearer());
        }
        if (settings.hmac() != null) {
            String seconds = String.valueOf(now.getEpochSecond());
            headers.put("X-D3S-Timestamp", seconds);
            headers.put("X-D3S-Signature", "sha256=" + signature(settings.hmac(), seconds + "." + json));
        }
        return headers;
    }

    /** HMAC-SHA256, in hexadecimal digits. */
    static String signature(String secret, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return HexFormat.of().formatHex(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HmacSHA256", e);
        }
    }

    private static Grade grade(@Nullable Object result, int index) {
        Map<String, Object> members = Members.of(result);
        if (members.get("error") instanceof String error) {
            throw new D3sException(ErrorCategory.EXTERNAL, "service_refused",
                    "The service could not grade this rollout: " + HttpExchange.shortened(error));
        }
        if (!(members.get("reward") instanceof Number reward)) {
            throw broken("has neither a number 'reward' nor a text 'error' in result " + index);
        }
        Map<String, Double> parts = new LinkedHashMap<>();
        Members.of(members.get("parts")).forEach((name, part) -> {
            if (!(part instanceof Number number) || !Grade.isPartName(name) || parts.size() == Grade.MAXIMUM_PARTS) {
                throw broken("has parts in result " + index + " that are not at most " + Grade.MAXIMUM_PARTS
                        + " numbers with names of 1 to 40 letters, digits and _");
            }
            parts.put(name, number.doubleValue());
        });
        return new Grade(reward.doubleValue(), parts);
    }

    private static D3sException broken(String what) {
        return new D3sException(ErrorCategory.EXTERNAL, "service_broke_format", "The service's answer " + what + ".");
    }

    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
        }
        running.forEach(Thread::interrupt);
        exchange.close();
    }

    static final class Factory implements RewardFunctionFactory {
        private final UnaryOperator<@Nullable String> environment;

        Factory() {
            this(System::getenv);
        }

        Factory(UnaryOperator<@Nullable String> environment) {
            this.environment = environment;
        }

        @Override
        public String name() {
            return "http";
        }

        @Override
        public String description() {
            return "Rewards from a service behind a URL, in batches.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "http", "label of this grader, sent to the service"),
                    new ConfigKey.Text("url", null, "where to post, http or https"),
                    new ConfigKey.Whole("batch_size", 16L, 1, 1024, "most rollouts of one request"),
                    new ConfigKey.Real("batch_wait_ms", 5.0, 0, false, 1000,
                            "how long a request waits for more, in milliseconds"),
                    new ConfigKey.Whole("concurrency", 8L, 1, 64, "most requests at once"),
                    new ConfigKey.Real("timeout_seconds", 10.0, 0, true, 3600, "limit of one attempt, in seconds"),
                    new ConfigKey.Whole("retries", 3L, 0, 10, "attempts after the first one"),
                    new ConfigKey.Real("backoff_ms", 250.0, 0, true, 30_000,
                            "pause before the second attempt, in milliseconds; it doubles from one to the next"),
                    new ConfigKey.Text("bearer_env", "",
                            "environment variable of the server, D3S_GRADER_..., whose value is sent as bearer token"),
                    new ConfigKey.Text("hmac_env", "",
                            "environment variable of the server, D3S_GRADER_..., with which requests are signed"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return create(config, GraderServices.none());
        }

        @Override
        public RewardFunction create(PluginConfig config, GraderServices services) {
            List<ConfigProblem> problems = new ArrayList<>();
            Endpoint endpoint = Endpoint.of("url", config.text("url"), services, problems);
            if (endpoint == null) {
                throw new InvalidConfigException(problems);
            }
            Settings settings = new Settings(config.text("name"), (int) config.whole("batch_size"),
                    milliseconds(config.real("batch_wait_ms")), (int) config.whole("concurrency"),
                    endpoint.secret("bearer_env", config.text("bearer_env"), environment, problems),
                    endpoint.secret("hmac_env", config.text("hmac_env"), environment, problems));
            if (!problems.isEmpty()) {
                throw new InvalidConfigException(problems);
            }
            return new HttpGrader(new HttpExchange(services, endpoint.uri(),
                    new HttpExchange.Patience(milliseconds(1000 * config.real("timeout_seconds")),
                            (int) config.whole("retries"), milliseconds(config.real("backoff_ms")))),
                    settings);
        }

        private static Duration milliseconds(double milliseconds) {
            return Duration.ofNanos(Math.max(1, Math.round(milliseconds * 1e6)));
        }
    }
}

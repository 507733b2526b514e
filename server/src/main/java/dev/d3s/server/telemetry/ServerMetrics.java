package dev.d3s.server.telemetry;

import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.eval.EvalStatus;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.planning.ProcessMemory;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.rollout.ServingLoad;
import dev.d3s.server.store.Durations;
import dev.d3s.server.webhook.WebhookDelivery;
import dev.d3s.spi.D3sException;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * What the server is doing at this moment, for {@code GET /q/metrics}. Counts of jobs come from the database, at most once in
 * {@link #FRESH_SECONDS} however often they are asked for, and are those of all servers that share it.
 */
@Singleton
public class ServerMetrics implements MeterBinder {
    private static final int FRESH_SECONDS = 5;

    private final ServerFigures figures;
    private final ServingLoad load;
    private final PluginRegistry plugins;
    private final WebhookDelivery webhooks;
    private Stored stored = new Stored(0, Map.of(), Map.of(), 0);

    /** What was read from the database, and when. */
    private record Stored(long at, Map<JobStatus, Long> jobs, Map<EvalStatus, Long> evals, double oldestQueued) {}

    @Inject
    ServerMetrics(ServerFigures figures, ServingLoad load, PluginRegistry plugins,
            WebhookDelivery webhooks) {
        this.figures = figures;
        this.load = load;
        this.plugins = plugins;
        this.webhooks = webhooks;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        for (JobStatus status : JobStatus.values()) {
            Gauge.builder("d3s.jobs", this, metrics -> (double) metrics.stored().jobs().getOrDefault(status, 0L))
                .tag("status", status.key())
                .description("jobs by status")
                .register(registry);
        }
        for (EvalStatus status : EvalStatus.values()) {
            Gauge.builder("d3s.evals", this, metrics -> (double) metrics.stored().evals().getOrDefault(status, 0L))
                .tag("status", status.key())
                .description("evaluations by status")
                .register(registry);
        }
        gauge(registry, "d3s.jobs.queued.oldest", "seconds", "age of the oldest queued job",
                metrics -> metrics.stored().oldestQueued());
        timer(registry, "d3s.job.wait", "from the making of a job to its first run", figures.waits());
        timer(registry, "d3s.database.read", "queries outside transactions", figures.databaseReads());
        timer(registry, "d3s.database.write", "transactions", figures.databaseWrites());
        gauge(registry, "d3s.event.streams", "streams", "clients that follow events",
                metrics -> (double) figures.followers());
        serving(registry);
        memory(registry);
        for (PluginRegistry.Failures plugin : plugins.failures()) {
            FunctionCounter.builder("d3s.plugin.failures", plugins, registered -> (double) registered.failures()
                .stream()
                .filter(now -> now.kind() == plugin.kind() && now.name().equals(plugin.name()))
                .mapToLong(PluginRegistry.Failures::failures)
                .sum())
                .tag("kind", plugin.kind().name().toLowerCase(Locale.ROOT))
                .tag("plugin", plugin.name())
                .description("calls that failed, took too long or broke the contract")
                .register(registry);
        }
        counter(registry, "delivered", metrics -> (double) webhooks.totals().delivered());
        counter(registry, "failed", metrics -> (double) webhooks.totals().failed());
        counter(registry, "given_up", metrics -> (double) webhooks.totals().givenUp());
    }

    private void serving(MeterRegistry registry) {
        gauge(registry, "d3s.serving.running", "completions", "clients' completions in a slot",
                metrics -> (double) load.running());
        gauge(registry, "d3s.serving.waiting", "completions", "clients' completions that wait for a slot",
                metrics -> (double) load.waiting());
        FunctionCounter.builder("d3s.serving.tokens", load, present -> (double) present.tokens())
            .description("tokens generated for clients")
            .register(registry);
        Timer first = Timer.builder("d3s.serving.first.token")
            .description("from a client's request to its first token")
            .publishPercentileHistogram(false)
            .serviceLevelObjectives(RunMetrics.buckets())
            .register(registry);
        load.onFirstToken(nanoseconds -> first.record(nanoseconds, TimeUnit.NANOSECONDS));
    }

    private void memory(MeterRegistry registry) {
        gauge(registry, "d3s.memory.resident", "bytes", "memory of the server's process",
                metrics -> (double) ProcessMemory.resident());
        gauge(registry, "d3s.memory.native", "bytes", "part of it that is not the JVM's: the engines, about",
                metrics -> (double) ProcessMemory.outsideJava());
        gauge(registry, "d3s.memory.available", "bytes", "memory that the process could have",
                metrics -> (double) ProcessMemory.available());
    }

    private void gauge(MeterRegistry registry, String name, String unit, String description,
            ToDoubleFunction<ServerMetrics> value) {
        Gauge.builder(name, this, value).baseUnit(unit).description(description).register(registry);
    }

    private void counter(MeterRegistry registry, String outcome, ToDoubleFunction<ServerMetrics> value) {
        FunctionCounter.builder("d3s.webhook.reports", this, value)
            .tag("outcome", outcome)
            .description("reports to the webhook: delivered, attempts that failed, given up")
            .register(registry);
    }

    private static void timer(MeterRegistry registry, String name, String description, Durations durations) {
        FunctionTimer
            .builder(name, durations, Durations::count, total -> (double) total.nanoseconds(), TimeUnit.NANOSECONDS)
            .description(description)
            .register(registry);
    }

    private synchronized Stored stored() {
        long now = System.nanoTime();
        if (stored.at == 0 || now - stored.at > TimeUnit.SECONDS.toNanos(FRESH_SECONDS)) {
            try {
                stored = new Stored(now, figures.jobs(), figures.evals(), figures.oldestQueuedSeconds());
            } catch (D3sException e) {
                // the last figures stand; readiness says that the database does not answer
                stored = new Stored(now, stored.jobs, stored.evals, stored.oldestQueued);
            }
        }
        return stored;
    }
}

package dev.d3s.server.job;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;

/** Opens the server's home before its jobs and downloads begin, and closes it after they have stopped. On the main thread. */
@Singleton
class JobLifecycle {
    private final ServerSettings settings;
    private final Flyway flyway;
    private final JobService jobs;
    private final ModelRegistry models;
    private final EvalService evals;
    private final WebhookDelivery webhooks;
    private final KeyService keys;
    private final AuditService audit;
    private final JobTrackers trackers;
    private @Nullable FileChannel lock;

    @Inject
    JobLifecycle(ServerSettings settings, Flyway flyway, JobService jobs, ModelRegistry models, EvalService evals,
            WebhookDelivery webhooks, JobTrackers trackers, KeyService keys, AuditService audit) {
        this.settings = settings;
        this.flyway = flyway;
        this.jobs = jobs;
        this.models = models;
        this.evals = evals;
        this.webhooks = webhooks;
        this.keys = keys;
        this.audit = audit;
        this.trackers = trackers;
    }

    void start(@Observes StartupEvent event) {
        Path home = settings.home();
        try {
            Files.createDirectories(settings.filesDirectory());
            Files.createDirectories(settings.modelsDirectory());
            FileChannel channel = FileChannel.open(home.resolve("lock"), StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE);
            FileLock mine = channel.tryLock();
            if (mine == null) {
                channel.close();
                throw new D3sException(ErrorCategory.USER, "home_in_use", "Another server uses " + home
                        + ": stop it, or give this one a directory of its own with -Dd3s.home=...");
            }
            lock = channel;
        } catch (IOException e) {
            throw IoFailures.exception("opening the server's home " + home, e);
        }
        flyway.migrate();
        keys.start();
        audit.start();
        webhooks.start();
        trackers.start();
        models.start();
        jobs.start();
        evals.start();
    }

    void stop(@Observes ShutdownEvent event) throws IOException {
        models.close();
        evals.close();
        jobs.close();
        webhooks.close();
        audit.close();
        trackers.close();
        if (lock != null) {
            lock.close();
        }
    }
}

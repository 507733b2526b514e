package dev.d3s.server.wiring;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.access.AuditService;
import dev.d3s.server.access.KeyService;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.eval.EvalService;
import dev.d3s.server.job.JobService;
import dev.d3s.server.registry.ModelRegistry;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.IoFailures;
import dev.d3s.server.tracking.JobTrackers;
import dev.d3s.server.webhook.WebhookDelivery;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;

/** Opens the server's home before its jobs and downloads begin, and closes it after they have stopped. On the main thread. */
@Singleton
class ServerLifecycle {
    private final ServerSettings settings;
    private final ClusterSettings cluster;
    private final Database database;
    private final Migrations migrations;
    private final JobService jobs;
    private final ModelRegistry models;
    private final EvalService evals;
    private final WebhookDelivery webhooks;
    private final KeyService keys;
    private final AuditService audit;
    private final JobTrackers trackers;
    private final List<FileChannel> locks = new ArrayList<>();

    @Inject
    ServerLifecycle(ServerSettings settings, ClusterSettings cluster, Database database, Migrations migrations,
            JobService jobs, ModelRegistry models, EvalService evals, WebhookDelivery webhooks, JobTrackers trackers,
            KeyService keys, AuditService audit) {
        this.settings = settings;
        this.cluster = cluster;
        this.database = database;
        this.migrations = migrations;
        this.jobs = jobs;
        this.models = models;
        this.evals = evals;
        this.webhooks = webhooks;
        this.keys = keys;
        this.audit = audit;
        this.trackers = trackers;
    }

    /** First, since what else begins with the server may write into its home. */
    void start(@Observes @Priority(1) StartupEvent event) {
        try {
            open();
        } catch (D3sException e) {
            if (e.category() == ErrorCategory.INTERNAL) {
                throw e;
            }
            // of this exception Quarkus prints what it says, of others where they come from
            throw new ConfigurationException("The server does not start: " + e.text());
        }
    }

    private void open() {
        Path home = settings.home();
        try {
            Files.createDirectories(settings.filesDirectory());
            Files.createDirectories(settings.modelsDirectory());
            boolean shared = database.shared();
            // alone with the home, or one of those that share it
            lock(home.resolve("lock"), shared, "Another server uses " + home
                    + ": stop it, or give this one a directory of its own with -Dd3s.home=...");
            if (shared) {
                lock(home.resolve("lock-" + cluster.name().replaceAll("[^A-Za-z0-9._-]", "_")), false,
                        "Another server on " + home + " is called " + cluster.name()
                                + ": give this one a name of its own with -Dd3s.cluster.name=...");
            }
        } catch (IOException e) {
            throw IoFailures.exception("opening the server's home " + home, e);
        }
        migrations.migrate();
        keys.start();
        audit.start();
        webhooks.start();
        trackers.start();
        models.start();
        jobs.start();
        evals.start();
    }

    private void lock(Path file, boolean shared, String otherwise) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        locks.add(channel);
        if (channel.tryLock(0, Long.MAX_VALUE, shared) == null) {
            throw new D3sException(ErrorCategory.USER, "home_in_use", otherwise);
        }
    }

    void stop(@Observes ShutdownEvent event) throws IOException, InterruptedException {
        models.close();
        Thread evaluations = Thread.ofVirtual().start(evals::close);
        jobs.close();
        evaluations.join();
        webhooks.close();
        audit.close();
        trackers.close();
        for (FileChannel lock : locks) {
            lock.close();
        }
    }
}

package dev.d3s.server.job;

import java.time.Duration;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.event.EventStore;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.share.FairShare;
import dev.d3s.server.share.UsageStore;
import dev.d3s.server.spec.JobSpecReader;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.server.webhook.WebhookOutbox;

/** Everything about jobs that is in the database. Thread-safe. */
@Singleton
class Stores {
    final Database database;
    final Identifiers identifiers;
    final EventStore events;
    final MetricStore metrics;
    final RolloutStore rollouts;
    final CheckpointStore checkpoints;
    final JobStore jobs;
    final ValidationStore validations;
    final WebhookOutbox outbox;
    final AuditStore audit;
    final IdempotencyStore idempotency;
    final UsageStore usage;

    @Inject
    Stores(Database database, Identifiers identifiers, WebhookOutbox outbox, AuditStore audit,
            IdempotencyStore idempotency, PluginRegistry plugins, QueueSettings queue, FairShare share,
            UsageStore usage) {
        this.database = database;
        this.identifiers = identifiers;
        this.outbox = outbox;
        this.audit = audit;
        this.idempotency = idempotency;
        this.usage = usage;
        JobSpecReader specs = JobSpecReader.ofStored(plugins);
        events = new EventStore(database, "job");
        metrics = new MetricStore(database);
        rollouts = new RolloutStore(database);
        checkpoints = new CheckpointStore(database);
        jobs = new JobStore(database, events, outbox, usage, new Turns(queue, share), specs::read);
        validations = new ValidationStore(database, events, outbox);
    }

    RunRecord run(Job job) {
        // a run outlasts a restart of the database
        return new RunRecord(database.patient(Duration.ofMinutes(2)), events, metrics, rollouts,
                checkpoints, outbox, usage, job.id(), job.epoch());
    }
}

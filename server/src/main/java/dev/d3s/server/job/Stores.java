package dev.d3s.server.job;

import java.time.Duration;

import javax.sql.DataSource;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.plugin.PluginRegistry;

/** Everything about jobs and models that is in the database. Thread-safe. */
@Singleton
class Stores {
    final Identifiers identifiers = new Identifiers();
    final Database database;
    final EventStore events;
    final MetricStore metrics;
    final RolloutStore rollouts;
    final CheckpointStore checkpoints;
    final FileStore files;
    final JobStore jobs;
    final ValidationStore validations;
    final ModelStore models;
    final EvalStore evals;
    final WebhookOutbox outbox;
    final AuditStore audit;
    final IdempotencyStore idempotency;
    final KeyStore keys;
    final TrackerStore trackers;
    final UsageStore usage;

    @Inject
    Stores(DataSource source, PluginRegistry plugins, QueueSettings queue) {
        JobSpecReader specs = JobSpecReader.ofStored(plugins);
        database = new Database(source);
        outbox = new WebhookOutbox(database, identifiers);
        audit = new AuditStore(database, identifiers);
        idempotency = new IdempotencyStore(database);
        keys = new KeyStore(database, audit);
        trackers = new TrackerStore(database);
        events = new EventStore(database, "job");
        metrics = new MetricStore(database);
        rollouts = new RolloutStore(database);
        checkpoints = new CheckpointStore(database);
        files = new FileStore(database);
        Turns turns = new Turns(queue);
        usage = new UsageStore(database, turns);
        jobs = new JobStore(database, events, outbox, trackers, usage, turns, specs::read);
        validations = new ValidationStore(database, events, outbox);
        models = new ModelStore(database);
        evals = new EvalStore(database, outbox, request -> EvalSpecReader.ofStored(plugins).read(request).spec());
    }

    RunRecord run(Job job) {
        // a run outlasts a restart of the database
        return new RunRecord(database.patient(Duration.ofMinutes(2)), events, metrics, rollouts,
                checkpoints, outbox, usage, job.id(), job.epoch());
    }
}

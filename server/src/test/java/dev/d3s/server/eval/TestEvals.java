package dev.d3s.server.eval;

import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.evaluation.ModelEvaluation;
import dev.d3s.server.file.FileService;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.request.UnfinishedWork;
import dev.d3s.server.share.FairShare;
import dev.d3s.server.share.UsageStore;
import dev.d3s.server.spec.TestCatalogs;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.server.webhook.WebhookOutbox;

/** Evaluations for tests that have no Quarkus to put them together. */
public final class TestEvals {
    private final Database database;
    private final PluginRegistry plugins;
    private final EvalStore store;

    public TestEvals(Database database, WebhookOutbox outbox, UsageStore usage, FairShare share,
            PluginRegistry plugins) {
        this.database = database;
        this.plugins = plugins;
        this.store = new EvalStore(database, outbox, usage, share, plugins);
    }

    public UnfinishedWork unfinished() {
        return new UnfinishedEvals(store);
    }

    public EvalService service(AuditStore audit, IdempotencyStore idempotency, Identifiers identifiers,
            ModelCatalog models, FileService files, ModelEvaluation evaluation, TestCatalogs checks,
            ClusterSettings cluster, ServerSettings settings, QueueSettings limits) {
        return new EvalService(store,
                new EvalQueue(database, store, models, files, evaluation, cluster, settings), limits, audit,
                idempotency,
                identifiers, models, files, plugins, checks, checks);
    }
}

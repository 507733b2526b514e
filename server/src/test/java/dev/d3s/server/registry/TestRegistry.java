package dev.d3s.server.registry;

import java.util.List;

import dev.d3s.server.access.AuditStore;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.request.UnfinishedWork;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;

/** Models for tests that have no Quarkus to put them together. */
public record TestRegistry(ModelCatalog catalog, ModelRegistry registry) {
    public static TestRegistry over(Database database, Identifiers identifiers, AuditStore audit,
            ServerSettings settings, ClusterSettings cluster, MadeModels made, List<UnfinishedWork> unfinished,
            ModelChecks checks, Hub hub,
            ModelRelease release) {
        ModelStore store = new ModelStore(database);
        ModelCatalog catalog = new ModelCatalog(store, settings, made, unfinished);
        return new TestRegistry(catalog,
                new ModelRegistry(database, store, audit, identifiers, settings, cluster, catalog, checks, hub,
                        release));
    }
}

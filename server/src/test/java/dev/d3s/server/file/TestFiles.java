package dev.d3s.server.file;

import java.util.List;

import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.request.UnfinishedWork;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;

/** Files for tests that have no Quarkus to put them together. */
public record TestFiles(FileService files, DiskUse disk) {
    public static TestFiles over(Database database, Identifiers identifiers, AuditStore audit, ServerSettings settings,
            QueueSettings queue, DiskUser others, List<UnfinishedWork> unfinished) {
        FileStore store = new FileStore(database);
        DiskUse disk = new DiskUse(store, others, queue);
        return new TestFiles(new FileService(store, audit, new IdempotencyStore(database), identifiers, settings,
                disk, unfinished), disk);
    }
}

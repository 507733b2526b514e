package dev.d3s.server.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.ServerSettings;

/** What an organization's files and checkpoints take on the disk, held to its limit before more is added. Thread-safe. */
@Singleton
class DiskUse {
    private final Stores stores;
    private final ServerSettings settings;
    private final QueueSettings queue;

    @Inject
    DiskUse(Stores stores, ServerSettings settings, QueueSettings queue) {
        this.stores = stores;
        this.settings = settings;
        this.queue = queue;
    }

    /**
     * @param more bytes that are to be added
     * @throws LimitReachedException when there is no room for them
     */
    void require(String organization, long more) {
        long limit = queue.disk().of(organization);
        if (limit == Long.MAX_VALUE) {
            return; // nobody looks at the disk for nothing
        }
        long used = stores.files.bytes(organization) + checkpoints(organization);
        if (used + more > limit) {
            throw new LimitReachedException(
                    "The files and checkpoints of organization " + organization + " take " + used
                            + " bytes of the disk, of " + limit + " that they may"
                            + (more > 0 ? ", and this needs " + more + " more" : "")
                            + ": delete some with DELETE /v1/files/{id} or DELETE /v1/models/{id}.");
        }
    }

    private long checkpoints(String organization) {
        return stores.jobs.ids(organization).stream().mapToLong(job -> size(settings.jobDirectory(job))).sum();
    }

    private static long size(Path directory) {
        if (!Files.isDirectory(directory)) {
            return 0;
        }
        try (Stream<Path> paths = Files.walk(directory)) {
            return paths.mapToLong(DiskUse::bytes).sum();
        } catch (IOException | UncheckedIOException e) {
            return 0; // it is being deleted
        }
    }

    private static long bytes(Path path) {
        try {
            return Files.isRegularFile(path) ? Files.size(path) : 0;
        } catch (IOException e) {
            return 0; // it was there a moment ago
        }
    }
}

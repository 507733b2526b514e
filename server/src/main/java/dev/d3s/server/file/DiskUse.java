package dev.d3s.server.file;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.request.LimitReachedException;

/** What an organization's files and checkpoints take on the disk, held to its limit before more is added. Thread-safe. */
@Singleton
public class DiskUse {
    private final FileStore files;
    private final DiskUser others;
    private final QueueSettings queue;

    @Inject
    DiskUse(FileStore files, DiskUser others, QueueSettings queue) {
        this.files = files;
        this.others = others;
        this.queue = queue;
    }

    /**
     * @param more bytes that are to be added
     * @throws LimitReachedException when there is no room for them
     */
    public void require(String organization, long more) {
        long limit = queue.disk().of(organization);
        if (limit == Long.MAX_VALUE) {
            return; // nobody looks at the disk for nothing
        }
        long used = files.bytes(organization) + others.bytes(organization);
        if (used + more > limit) {
            throw new LimitReachedException(
                    "The files and checkpoints of organization " + organization + " take " + used
                            + " bytes of the disk, of " + limit + " that they may"
                            + (more > 0 ? ", and this needs " + more + " more" : "")
                            + ": delete some with DELETE /v1/files/{id} or DELETE /v1/models/{id}.");
        }
    }
}

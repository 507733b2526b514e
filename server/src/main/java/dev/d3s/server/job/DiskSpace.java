package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job.JobError;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.store.Watch;
import dev.d3s.spi.D3sException;

/**
 * Lets the jobs go on that a full disk has paused, once there is room for their next checkpoint. Looks every few seconds, on a
 * thread of its own, from {@link #start} to {@link #close}; several servers over one database may look at the same time.
 */
final class DiskSpace implements AutoCloseable {
    /** The error of a job that waits for space. */
    static final String DISK_FULL = "disk_full";

    private static final Logger LOG = Logger.getLogger(DiskSpace.class);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(3);
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);
    /** For what the database and others write meanwhile. */
    private static final long MARGIN = 4L << 20;

    private final Stores stores;
    private final ModelCatalog models;
    private final JobModels made;
    private final Path home;
    private final Runnable changed;
    /** By job; used by the watch alone. */
    private final Map<String, Wait> waits = new HashMap<>();
    private final Watch watch = new Watch("d3s-disk", BETWEEN_LOOKS, this::look);

    /** Where space that is said to be free is none, such as a user's who has a quota, a job is not tried again all the time. */
    private static final class Wait {
        private long until = System.nanoTime();
        private Duration next = BETWEEN_LOOKS;

        boolean over() {
            long now = System.nanoTime();
            if (now - until < 0) {
                return false;
            }
            until = now + next.toNanos();
            next = next.multipliedBy(2).compareTo(LONGEST_WAIT) < 0 ? next.multipliedBy(2) : LONGEST_WAIT;
            return true;
        }
    }

    /** @param changed a job is queued */
    DiskSpace(Stores stores, ModelCatalog models, JobModels made, Path home, Runnable changed) {
        this.stores = stores;
        this.models = models;
        this.made = made;
        this.home = home;
        this.changed = changed;
    }

    void start() {
        watch.start();
    }

    private void look() {
        try {
            resume();
        } catch (IOException | D3sException e) {
            LOG.debugf(e, "The space in %s is not known.", home);
        }
    }

    private void resume() throws IOException {
        for (Job job : stores.jobs.withStatus(JobStatus.PAUSED)) {
            JobError error = job.error();
            if (error == null || !error.code().equals(DISK_FULL)) {
                continue;
            }
            long free = Files.getFileStore(home).getUsableSpace();
            Wait wait = waits.computeIfAbsent(job.id(), id -> new Wait());
            if (free < needed(job)) {
                wait.next = BETWEEN_LOOKS;
                continue;
            }
            if (wait.over() && stores.jobs.move(job.id(), Set.of(JobStatus.PAUSED), JobStatus.QUEUED,
                    Level.INFO, "There are " + (free >> 20) + " MiB free in " + home + ": the job goes on.")) {
                changed.run();
            }
        }
    }

    /** Bytes of a checkpoint: that of the last one, or weights and both moments. */
    private long needed(Job job) {
        @Nullable
        Checkpoint last = stores.checkpoints.latestFirst(job.id()).stream().findFirst().orElse(null);
        long bytes = last == null
                ? 3 * models.any(Caller.server(job.organization()), job.spec().model())
                    .map(model -> CheckpointManifest.size(model.directory()))
                    .orElse(0L)
                : CheckpointManifest.size(made.checkpointDirectory(last));
        return bytes + bytes / 8 + MARGIN;
    }

    @Override
    public void close() {
        watch.close();
    }
}

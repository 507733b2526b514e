package dev.d3s.server.registry;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import dev.d3s.server.event.EventSignal;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.hub.HubDownload;
import dev.d3s.server.hub.HubFile;
import dev.d3s.server.registry.ModelStore.Claim;

/** Writes down how far a download is: at each file's end, and in between at every twentieth part or half minute. Thread-safe. */
final class ModelProgress implements HubDownload.Listener {
    private static final int PARTS = 20;
    private static final long LONGEST_SILENCE = TimeUnit.SECONDS.toNanos(30);
    private static final long SHORTEST_SILENCE = TimeUnit.SECONDS.toNanos(1);

    private final ModelStore models;
    private final EventSignal signal;
    private final Claim claim;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile long total;
    private long part;
    private long lastEvent = System.nanoTime();

    ModelProgress(ModelStore models, EventSignal signal, Claim claim) {
        this.models = models;
        this.signal = signal;
        this.claim = claim;
    }

    @Override
    public void pinned(String commit) {
        models.pinned(claim, commit);
    }

    @Override
    public void planned(int files, long bytes, long present) {
        total = bytes;
        models.planned(claim, bytes, present, claim.model().name() + " has " + files + " files, " + megabytes(bytes)
                + (present > 0 ? "; " + megabytes(present) + " are there already." : "."));
        signal.raise();
    }

    @Override
    public void received(long bytes) {
        long now = models.received(claim, bytes);
        if (lock.tryLock()) { // whoever comes meanwhile need not say it again
            try {
                long reached = total == 0 ? 0 : now * PARTS / total;
                long silent = System.nanoTime() - lastEvent;
                if (silent > SHORTEST_SILENCE && (reached > part || silent > LONGEST_SILENCE)) {
                    part = reached;
                    write(now);
                }
            } finally {
                lock.unlock();
            }
        }
    }

    @Override
    public void finished(HubFile file) {
        models.note(claim, Level.INFO,
                file.path() + " is there: " + megabytes(file.size()) + ", and its checksum is right.");
        lock.lock();
        try {
            write(models.received(claim, 0));
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void warning(String text) {
        models.note(claim, Level.WARN, text);
        signal.raise();
    }

    private void write(long now) {
        models.progress(claim, total, String.format(Locale.ROOT, "Downloaded %s of %s (%d %%)", megabytes(now),
                megabytes(total), total == 0 ? 100 : now * 100 / total));
        lastEvent = System.nanoTime();
        signal.raise();
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, bytes < 100_000_000 ? "%.1f MB" : "%.0f MB", bytes / 1e6);
    }
}

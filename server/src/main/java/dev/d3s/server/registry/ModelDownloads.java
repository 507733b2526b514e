package dev.d3s.server.registry;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.event.EventSignal;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Runs;

/**
 * Downloads registered models, a few at a time, oldest first, each on one server: what a server that is gone leaves, another one
 * goes on with. A download that is interrupted by the end of the server goes on elsewhere, or at its next start. Thread-safe;
 * closed by {@link ModelRegistry}.
 */
final class ModelDownloads implements AutoCloseable, Runs.Kind<ModelDownload> {
    private static final int AT_ONCE = 2;
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(2);

    private final Database database;
    private final ModelStore models;
    private final EventSignal signal;
    private final ModelChecks checks;
    private final Hub hub;
    private final ClusterSettings cluster;
    private final Runs<ModelDownload> runs;

    ModelDownloads(Database database, ModelStore models, EventSignal signal, ModelChecks checks, Hub hub,
            ClusterSettings cluster) {
        this.database = database;
        this.models = models;
        this.signal = signal;
        this.checks = checks;
        this.hub = hub;
        this.cluster = cluster;
        this.runs = new Runs<>(database, "model_permit", cluster, "d3s-downloads", AT_ONCE, TIME_TO_STOP, this);
    }

    /** Begins to download; first what a former process of this name left. */
    void start() {
        runs.start(() -> models.recover(database.shared() ? cluster.name() : null));
    }

    /** There may be a model to download. */
    void wake() {
        runs.wake();
    }

    /** Ends a download where it is this server's, and waits for its end; its files stay. Others notice when the model is gone. */
    void cancel(String key) {
        List<ModelDownload> found = new ArrayList<>();
        runs.among(all -> all.stream().filter(download -> download.claim().key().equals(key)).forEach(found::add));
        found.forEach(ModelDownload::stop);
        found.forEach(ModelDownload::join);
    }

    @Override
    public void close() {
        runs.close();
    }

    @Override
    public boolean waiting() {
        return models.anyWaiting();
    }

    @Override
    public @Nullable ModelDownload claim(String permit) {
        return models.claim(cluster.name(), permit)
            .map(claim -> new ModelDownload(claim, models, signal, checks, hub))
            .orElse(null);
    }

    @Override
    public void run(ModelDownload download) {
        download.run();
    }

    @Override
    public void stop(ModelDownload download) {
        download.stop();
    }

    @Override
    public void orphaned(String permit) {
        models.recoverHeld(permit);
        signal.raise();
    }

    @Override
    public void unrecorded(String permit) {
        models.release(permit);
    }

    @Override
    public Collection<String> held() {
        return models.permits(cluster.name());
    }

    @Override
    public void lost(ModelDownload download) {
        download.stop();
    }
}

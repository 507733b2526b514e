package dev.d3s.server.eval;

import java.time.Duration;
import java.util.Collection;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.evaluation.ModelEvaluation;
import dev.d3s.server.file.FileService;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Runs;

/**
 * Runs queued evaluations one after the other on one platform thread, beside jobs, organizations in turn; takes over those of
 * servers that are gone. Closed by {@link EvalService}.
 */
@Singleton
final class EvalQueue implements AutoCloseable, Runs.Kind<EvalRun> {
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(25);

    private final Database database;
    private final EvalStore store;
    private final ModelCatalog models;
    private final FileService files;
    private final ModelEvaluation evaluation;
    private final ClusterSettings cluster;
    private final int threads;
    private final Runs<EvalRun> runs;

    @Inject
    EvalQueue(Database database, EvalStore store, ModelCatalog models, FileService files, ModelEvaluation evaluation,
            ClusterSettings cluster, ServerSettings settings) {
        this.database = database;
        this.store = store;
        this.models = models;
        this.files = files;
        this.evaluation = evaluation;
        this.cluster = cluster;
        this.threads = settings.threads();
        this.runs = new Runs<>(database, "eval_permit", cluster, "d3s-evals", 1, TIME_TO_STOP, this);
    }

    /** Queues again what a former process of this name left running, then begins to run evaluations. */
    void start() {
        runs.start(() -> store.recover(database.shared() ? cluster.name() : null));
    }

    /** There may be a queued evaluation. */
    void wake() {
        runs.wake();
    }

    /** Ends the run of an evaluation, if it has one here. */
    void stop(String eval) {
        runs.among(all -> all.stream().filter(run -> run.eval().id().equals(eval)).forEach(EvalRun::stop));
    }

    /** Lets the running evaluation wait for another server, or the next start of this one. */
    @Override
    public void close() {
        runs.close();
    }

    @Override
    public boolean waiting() {
        return store.anyQueued();
    }

    @Override
    public @Nullable EvalRun claim(String permit) {
        return store.claim(cluster.name(), permit, threads).map(eval -> new EvalRun(eval, store)).orElse(null);
    }

    @Override
    public void run(EvalRun run) {
        run.run(evaluation, models, files);
    }

    @Override
    public void stop(EvalRun run) {
        run.stop();
    }

    @Override
    public void orphaned(String permit) {
        store.recoverHeld(permit);
    }

    @Override
    public Collection<String> held() {
        return store.permits(cluster.name());
    }

    /** Its next write would tell it, too. */
    @Override
    public void lost(EvalRun run) {
        run.stop();
    }
}

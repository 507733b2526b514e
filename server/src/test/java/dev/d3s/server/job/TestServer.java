package dev.d3s.server.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.MemorySettings;
import dev.d3s.server.config.ModelSources;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.eval.EvalService;
import dev.d3s.server.eval.ScriptedEvaluation;
import dev.d3s.server.eval.TestEvals;
import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.file.FileService;
import dev.d3s.server.file.TestFiles;
import dev.d3s.server.file.UploadedFile;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubSettings;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.registry.ModelRegistry;
import dev.d3s.server.registry.TestRegistry;
import dev.d3s.server.request.UnfinishedWork;
import dev.d3s.server.share.FairShare;
import dev.d3s.server.share.UsageStore;
import dev.d3s.server.spec.TestCatalogs;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.server.store.SeverableSource;
import dev.d3s.server.store.TestDatabase;
import dev.d3s.server.training.Training;
import dev.d3s.server.webhook.UndeliveredReports;
import dev.d3s.server.webhook.WebhookOutbox;

/** Jobs over a real database in a directory, without Quarkus. A second one over the same directory is a restart. */
public final class TestServer implements AutoCloseable {
    static final Turns.Room ROOM = new Turns.Room(1, 0);
    public static final ObjectMapper JSON = new ObjectMapper();
    public static final Caller CALLER = Caller.anonymous("d3s", null);

    public final ServerSettings settings;
    final ClusterSettings cluster;
    public final SeverableSource network;
    public final TestCatalogs catalogs = new TestCatalogs();
    final PluginRegistry plugins = TestCatalogs.plugins();
    public final ScriptedTraining training = new ScriptedTraining();
    public final Database database;
    public final AuditStore audit;
    public final WebhookOutbox outbox;
    public final JobLog log;
    public final UndeliveredReports undelivered;
    final Stores stores;
    public final FileService files;
    public final ModelCatalog models;
    final JobModels made;
    public final JobService jobs;
    public final Hub hub;
    public final List<Path> released = new ArrayList<>();
    public final ModelRegistry registry;
    public final ScriptedEvaluation evaluation = new ScriptedEvaluation();
    public final EvalService evals;

    public TestServer(Path home) {
        this(home, TestDatabase.SQLITE);
    }

    public TestServer(Path home, TestDatabase database) {
        this(home, database, URI.create("http://127.0.0.1:9"));
    }

    /** @param endpoint of a hub */
    public TestServer(Path home, TestDatabase database, URI endpoint) {
        this(home, database, endpoint, "one");
    }

    /** One of several on a database. */
    public TestServer(Path home, TestDatabase database, URI endpoint, String name) {
        this(home, database.open(home), endpoint, name, QueueSettings.DEFAULT, null);
    }

    public TestServer(Path home, TestDatabase database, String name, QueueSettings queue) {
        this(home, database.open(home), URI.create("http://127.0.0.1:9"), name, queue, null);
    }

    /** One of several on a database. */
    TestServer(Path home, DataSource source, String name) {
        this(home, source, URI.create("http://127.0.0.1:9"), name, QueueSettings.DEFAULT, null);
    }

    /** With real engines. */
    TestServer(Path home, Training training) {
        this(home, TestDatabase.SQLITE.open(home), URI.create("http://127.0.0.1:9"), "one", QueueSettings.DEFAULT,
                training);
    }

    private TestServer(Path home, DataSource source, URI endpoint, String name, QueueSettings queue,
            @Nullable Training real) {
        cluster = new ClusterSettings(name, Duration.ofMillis(250));
        settings = new ServerSettings(home, home.resolve("models"), null, 1, 1L << 20, "d3s", Duration.ofMillis(50),
                Duration.ofSeconds(30), new ModelSources(List.of(home.resolve("allowed")), endpoint, null),
                List.of(), home.resolve("data"), MemorySettings.DEFAULT);
        network = new SeverableSource(source);
        database = new Database(network);
        Identifiers identifiers = new Identifiers();
        audit = new AuditStore(database, identifiers);
        outbox = new WebhookOutbox(database, identifiers);
        IdempotencyStore idempotency = new IdempotencyStore(database);
        FairShare share = new FairShare(queue);
        UsageStore usage = new UsageStore(database, share);
        stores = new Stores(database, identifiers, outbox, audit, idempotency, plugins, queue, share, usage);
        log = new JobLog(stores);
        undelivered = new JobReports(log);
        made = new JobModels(stores, settings);
        TestEvals evaluations = new TestEvals(database, outbox, usage, share, plugins);
        List<UnfinishedWork> unfinished = List.of(new UnfinishedJobs(stores), evaluations.unfinished());
        TestFiles uploads = TestFiles.over(database, identifiers, audit, settings, queue, made, unfinished);
        files = uploads.files();
        hub = new Hub(new HubSettings(endpoint, null, 4, Duration.ofSeconds(20), 2, Duration.ofMillis(1)));
        TestRegistry base = TestRegistry.over(database, identifiers, audit, settings, cluster, made, unfinished,
                catalogs, hub,
                released::add);
        models = base.catalog();
        registry = base.registry();
        jobs = new JobService(stores, settings, models, made, files, real == null ? training : real, plugins, catalogs,
                catalogs, catalogs, new RequestLimits(1000, 1 << 20, Duration.ofSeconds(10), 10), cluster, queue,
                uploads.disk());
        evals = evaluations.service(audit, idempotency, identifiers, models, files, evaluation, catalogs, cluster,
                settings, queue);
    }

    /** Puts a base model into the models directory. */
    public static void baseModel(Path home, String name) {
        try {
            Path directory = Files.createDirectories(home.resolve("models").resolve(name));
            Files.writeString(directory.resolve("config.json"), "{\"max_position_embeddings\": 1024}");
            Files.writeString(directory.resolve("tokenizer.json"), "{}");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public UploadedFile upload(String content) {
        try {
            Path upload = Files.createTempFile(settings.home(), "upload", ".jsonl");
            Files.writeString(upload, content);
            return files.add(CALLER, upload, "rows.jsonl", "fine-tune");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A reinforcement job of some steps, with a checkpoint after each second one. */
    public ObjectNode request(int steps) {
        return json("""
                {"model": "base", "training_file": "%s", "seed": 7,
                 "method": {"type": "reinforcement", "reinforcement": {
                   "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                              "reference": "{{item.answer}}", "operation": "eq"},
                   "d3s": {"steps": %d, "checkpoint": {"interval": 2}}}}}""".formatted(
                upload("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n").id(), steps));
    }

    public static ObjectNode json(String text) {
        try {
            return (ObjectNode) JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Everything that was measured of a step. */
    public Map<String, Double> metrics(Job job, int step) {
        return stores.metrics.ofStep(job.id(), step);
    }

    /** Claims the job whose turn it is, as a server would. */
    public PlayedRun claim() {
        return new PlayedRun(stores, stores.jobs.claim("one", "permit", ROOM).orElseThrow());
    }

    /** Follows a job's events until it has this status. */
    public Job await(String id, JobStatus status) throws InterruptedException, TimeoutException {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        Job[] job = {jobs.job(CALLER, id)};
        if (job[0].status() != status) {
            jobs.follow(CALLER, id, null, new Follower() {
                @Override
                public boolean event(JobEvent event) {
                    return quiet();
                }

                @Override
                public boolean quiet() {
                    job[0] = jobs.job(CALLER, id);
                    return job[0].status() != status && System.nanoTime() < limit;
                }
            });
            job[0] = jobs.job(CALLER, id);
        }
        if (job[0].status() != status) {
            throw new TimeoutException("Job is " + job[0].status() + ", not " + status + ": " + job[0].error());
        }
        return job[0];
    }

    @Override
    public void close() {
        network.mend();
        evaluation.letGo();
        evals.close();
        training.letGo();
        registry.close();
        hub.close();
        jobs.close();
    }
}

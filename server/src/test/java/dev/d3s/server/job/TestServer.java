package dev.d3s.server.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.MemorySettings;
import dev.d3s.server.config.ModelSources;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubSettings;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.training.Training;

/** Jobs over a real database in a directory, without Quarkus. A second one over the same directory is a restart. */
final class TestServer implements AutoCloseable {
    static final Turns.Room ROOM = new Turns.Room(1, 0);
    static final ObjectMapper JSON = new ObjectMapper();
    static final Caller CALLER = Caller.anonymous("d3s", null);

    final ServerSettings settings;
    final ClusterSettings cluster;
    final SeverableSource network;
    final TestCatalogs catalogs = new TestCatalogs();
    final PluginRegistry plugins = TestCatalogs.plugins();
    final ScriptedTraining training = new ScriptedTraining();
    final Stores stores;
    final FileService files;
    final ModelCatalog models;
    final JobService jobs;
    final Hub hub;
    final List<Path> released = new ArrayList<>();
    final ModelRegistry registry;
    final ScriptedEvaluation evaluation = new ScriptedEvaluation();
    final EvalService evals;

    TestServer(Path home) {
        this(home, TestDatabase.SQLITE);
    }

    TestServer(Path home, TestDatabase database) {
        this(home, database, URI.create("http://127.0.0.1:9"));
    }

    /** @param endpoint of a hub */
    TestServer(Path home, TestDatabase database, URI endpoint) {
        this(home, database.open(home), endpoint, "one", QueueSettings.DEFAULT, null);
    }

    TestServer(Path home, TestDatabase database, String name, QueueSettings queue) {
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
        stores = new Stores(network, plugins, queue);
        DiskUse disk = new DiskUse(stores, settings, queue);
        files = new FileService(stores, settings, disk);
        models = new ModelCatalog(stores, settings);
        hub = new Hub(new HubSettings(endpoint, null, 4, Duration.ofSeconds(20), 2, Duration.ofMillis(1)));
        registry = new ModelRegistry(stores, settings, models, catalogs, hub, released::add);
        jobs = new JobService(stores, settings, models, files, real == null ? training : real, plugins, catalogs,
                catalogs, catalogs, new RequestLimits(1000, 1 << 20, Duration.ofSeconds(10), 10), cluster, queue, disk);
        evals = new EvalService(stores, models, files, evaluation, plugins, catalogs, catalogs, cluster);
    }

    /** Puts a base model into the models directory. */
    static void baseModel(Path home, String name) {
        try {
            Path directory = Files.createDirectories(home.resolve("models").resolve(name));
            Files.writeString(directory.resolve("config.json"), "{\"max_position_embeddings\": 1024}");
            Files.writeString(directory.resolve("tokenizer.json"), "{}");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    UploadedFile upload(String content) {
        try {
            Path upload = Files.createTempFile(settings.home(), "upload", ".jsonl");
            Files.writeString(upload, content);
            return files.add(CALLER, upload, "rows.jsonl", "fine-tune");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A reinforcement job of some steps, with a checkpoint after each second one. */
    ObjectNode request(int steps) {
        return json("""
                {"model": "base", "training_file": "%s", "seed": 7,
                 "method": {"type": "reinforcement", "reinforcement": {
                   "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                              "reference": "{{item.answer}}", "operation": "eq"},
                   "d3s": {"steps": %d, "checkpoint": {"interval": 2}}}}}""".formatted(
                upload("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n").id(), steps));
    }

    static ObjectNode json(String text) {
        try {
            return (ObjectNode) JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Follows a job's events until it has this status. */
    Job await(String id, JobStatus status) throws InterruptedException, TimeoutException {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        Job[] job = {jobs.job(CALLER, id)};
        if (job[0].status() != status) {
            jobs.follow(CALLER, id, null, new JobService.Follower() {
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

package dev.d3s.server.spec;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Singleton;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.plugin.Plugins;
import dev.d3s.server.registry.ModelChecks;
import dev.d3s.server.training.TrainingSettings;
import dev.d3s.server.training.Workloads;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.Plugin;

/** A few plugins and checks: enough to have something right and something wrong to say in a job. */
@Alternative
@Singleton
public class TestCatalogs implements ModelChecks, DatasetChecks, JobPlans {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** The built-in plugins, a grader with nested options, and more. */
    public static PluginRegistry plugins(Plugin... more) {
        List<Plugin> all = new ArrayList<>();
        ServiceLoader.load(Plugin.class).forEach(all::add);
        all.add(new Plugins()
            .rewardFunction("nested", List.of(ConfigKey.Json.of("graders", null, "anything", "object", "array")),
                    config -> input -> 0));
        all.addAll(List.of(more));
        return new PluginRegistry(all);
    }

    private volatile List<String> problemsBesideWeights = List.of();

    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile CountDownLatch held = new CountDownLatch(1);
    public volatile CountDownLatch interrupted = new CountDownLatch(1);

    /** Stops every check of a data set until {@link #letGo}. */
    public void hold() {
        held = new CountDownLatch(1);
        interrupted = new CountDownLatch(1);
        gate = new CountDownLatch(1);
    }

    public void letGo() {
        gate.countDown();
    }

    /** Waits until a check stands at the gate. */
    public void awaitHeld() throws InterruptedException {
        if (!held.await(20, TimeUnit.SECONDS)) {
            throw new AssertionError("No data set is checked.");
        }
    }

    private void waitAtGate() {
        held.countDown();
        try {
            gate.await();
        } catch (InterruptedException e) {
            interrupted.countDown();
            throw new CancellationException("interrupted");
        }
    }

    /** Lets every model whose weights are to be downloaded have this problem. */
    public void unusable(String problem) {
        problemsBesideWeights = List.of(problem);
    }

    @Override
    public List<String> problemsBesideWeights(Path directory) {
        return problemsBesideWeights;
    }

    @Override
    public List<String> problems(Path directory) {
        return Files.exists(directory.resolve("tokenizer.json"))
                ? List.of()
                : List
                    .of("The model '" + directory.getFileName() + "' has no tokenizer.json; add the one it was trained "
                            + "with.");
    }

    /** Jobs that say something about resources are planned, for a small model on a machine with 2 GiB. */
    @Override
    public Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths,
            EngineWishes wishes) {
        ModelConfig config = ModelConfig.qwen2(1000, 64, 2, 4, 2, 16, 96, 1024, 10_000, 1e-6, true, List.of(0));
        return wishes.equals(EngineWishes.NONE)
                ? Optional.empty()
                : Optional.of(new MemoryPlanner(2, 2L << 30, 300L << 20)
                    .plan(Workloads.of(config, settings, 10, 0, 0), wishes));
    }

    /** A token is a character; the context is config.json's. */
    @Override
    public DatasetReport check(Path file, DatasetUse use) {
        waitAtGate();
        try {
            List<String> problems = new ArrayList<>();
            List<String> lines = Files.readAllLines(file);
            Path model = use.model();
            int context = model == null
                    ? Integer.MAX_VALUE
                    : JSON.readTree(model.resolve("config.json").toFile()).path("max_position_embeddings").asInt();
            for (int line = 1; line <= lines.size(); line++) {
                try {
                    JsonNode row = JSON.readTree(lines.get(line - 1));
                    if (!row.path("prompt").isTextual()) {
                        problems.add("Line " + line + " has no 'prompt'; each row needs one.");
                    } else if (row.path("prompt").textValue().length() + (long) use.maxTokens() > context) {
                        problems.add("Line " + line + ": the prompt has " + row.path("prompt").textValue().length()
                                + " tokens; with max_tokens " + use.maxTokens()
                                + " it does not fit into the context of "
                                + context + ".");
                    } else if (use.completions() && !row.path("completion").isTextual()) {
                        problems.add("Line " + line + " has no 'completion'; supervised rows need one.");
                    }
                } catch (JsonProcessingException e) {
                    problems.add("Line " + line + " is not a JSON object: put one object on each line.");
                }
            }
            return new DatasetReport(lines.size(), problems.subList(0, Math.min(10, problems.size())));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

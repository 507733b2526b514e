package dev.d3s.server.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Singleton;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;

import dev.d3s.server.training.PluginChoice;
import dev.d3s.server.training.SelectionSettings;
import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;

/** A few plugins, presets and checks: enough to have something right and something wrong to say in a job. */
@Alternative
@Singleton
public class TestCatalogs implements PluginCatalog, PresetCatalog, ModelChecks, DatasetChecks {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PluginChoice LINEAR = PluginChoice.of("linear");

    private static final List<PluginDescription> PLUGINS = List.of(plugin(PluginKind.ROLLOUT_SELECTOR, "all"),
            plugin(PluginKind.ROLLOUT_SELECTOR, "d3s-cross",
                    new ConfigKey.Choice("pool", "batch", List.of("batch", "intra"), "what is ranked together"),
                    new ConfigKey.Flag("fill_with_zero_advantage", false, "strict N")),
            plugin(PluginKind.ROLLOUT_SELECTOR, "d3s-intra"), plugin(PluginKind.TOKEN_SELECTOR, "all"),
            plugin(PluginKind.TOKEN_SELECTOR, "advantage-entropy",
                    new ConfigKey.Choice("scope", "batch", List.of("batch", "rollout"), "what is ranked together")),
            plugin(PluginKind.SCHEDULE, "constant"), plugin(PluginKind.SCHEDULE, "linear"),
            plugin(PluginKind.REWARD_FUNCTION, "string_check",
                    new ConfigKey.Text("input", null, "template of what is compared"),
                    new ConfigKey.Text("reference", null, "template of what it should be"),
                    new ConfigKey.Choice("operation", "eq", List.of("eq", "like"), "how")),
            plugin(PluginKind.REWARD_FUNCTION, "multi", new ConfigKey.Text("graders", null, "the graders as JSON")),
            plugin(PluginKind.REWARD_FUNCTION, "http", new ConfigKey.Text("url", null, "where to post")));

    private static PluginDescription plugin(PluginKind kind, String name, ConfigKey... keys) {
        return new PluginDescription(kind, name, "1.0", "For tests", List.of(keys),
                JsonNodeFactory.instance.objectNode().put("type", "object"));
    }

    @Override
    public List<PluginDescription> plugins() {
        return PLUGINS;
    }

    @Override
    public Map<String, Object> configured(PluginKind kind, String name, Map<String, ?> given) {
        return PluginConfig.of(PLUGINS.stream()
            .filter(plugin -> plugin.kind() == kind && plugin.name().equals(name))
            .findFirst()
            .orElseThrow()
            .keys(),
                given)
            .asMap();
    }

    @Override
    public List<Preset> presets() {
        return List.of(
                new Preset("d3s", "both levels, linear",
                        new SelectionSettings(PluginChoice.of("d3s-cross"), 0.25, 0.75, LINEAR),
                        new SelectionSettings(PluginChoice.of("advantage-entropy"), 0.2, 1, LINEAR)),
                new Preset("grpo", "everything",
                        new SelectionSettings(PluginChoice.of("all"), 1, 1, PluginChoice.of("constant")),
                        new SelectionSettings(PluginChoice.of("all"), 1, 1, PluginChoice.of("constant"))));
    }

    @Override
    public List<String> problems(Path directory) {
        return Files.exists(directory.resolve("tokenizer.json"))
                ? List.of()
                : List
                    .of("The model '" + directory.getFileName() + "' has no tokenizer.json; add the one it was trained "
                            + "with.");
    }

    /** A token is a character; the context is config.json's. */
    @Override
    public DatasetReport check(Path file, DatasetUse use) {
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

package dev.d3s.server.spec;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.Section;
import dev.d3s.server.request.Section.Range;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.spec.DatasetChecks.DatasetUse;
import dev.d3s.server.training.PluginChoice;

/**
 * Reads the JSON of an evaluation, as {@link JobSpecReader} reads that of a job: all mistakes at once, each with its path and
 * the fix. Thread-safe.
 */
public final class EvalSpecReader {
    private final PluginReader plugins;
    private final References references;

    /** Of requests as this caller sees the server. */
    public static EvalSpecReader of(PluginRegistry plugins, RequestChecks checks, Caller caller) {
        return new EvalSpecReader(plugins, new CallerReferences(caller.within(), checks), caller.organization());
    }

    /** @param organization that sends the requests */
    EvalSpecReader(PluginRegistry plugins, References references, String organization) {
        this(PluginReader.of(plugins, organization), references);
    }

    private EvalSpecReader(PluginReader plugins, References references) {
        this.plugins = plugins;
        this.references = references;
    }

    /** Reads what {@link EvalSpec#request()} wrote, without asking again whether what it names still exists. */
    public static EvalSpecReader ofStored(PluginRegistry plugins) {
        return new EvalSpecReader(PluginReader.ofStored(plugins), StoredReferences.INSTANCE);
    }

    /**
     * What was read.
     *
     * @param rows of the file, at least 1
     */
    public record Read(EvalSpec spec, int rows) {}

    /** @throws InvalidRequestException with every mistake */
    public Read read(JsonNode body) {
        if (!(body instanceof ObjectNode given)) {
            throw new InvalidRequestException(List.of(new Mistake(null, "invalid_type",
                    "The request must be a JSON object with at least 'model', 'file' and 'grader'.")));
        }
        Section request = Section.root(given);
        String model = request.requiredText("model", "the id of a model from GET /v1/models");
        String file = request.requiredText("file", "the id of a file uploaded with POST /v1/files");
        PluginChoice grader = plugins.grader(request);
        int samples = request.whole("samples", 256, 1, 100_000_000);
        boolean greedy = request.flag("greedy", true);
        SampledSettings sampled = JobSpecReader.sampled(request, 0);
        if (!greedy && sampled.n() == 0) {
            request.mistake("n", "missing_required_parameter",
                    "'n' is required where 'greedy' is false: how many completions of each prompt are sampled.");
        }
        long seed = request.whole("seed", ThreadLocalRandom.current().nextLong(1L << 31), 0, (1L << 53) - 1);
        Section sampling = request.section("sampling");
        SamplingSettings settings = new SamplingSettings(sampling.whole("max_tokens", 256, 1, 1_000_000),
                sampling.real("temperature", 1, Range.above(0, 10)), sampling.real("top_p", 1, Range.above(0, 1)),
                sampling.whole("top_k", 0, 0, Integer.MAX_VALUE), sampling.real("min_p", 0, Range.from(0, 1)), seed);
        List<String> stop = stop(sampling);
        sampling.finish();
        Section grading = request.section("grading");
        double gradingSeconds = grading.real("timeout_seconds", 30, Range.above(0, 86_400));
        grading.finish();
        Map<String, String> metadata = JobSpecReader.metadata(request);
        Path directory = model.isEmpty() ? null : JobSpecReader.model(request, model, references);
        int rows = file.isEmpty()
                ? 1
                : JobSpecReader.dataset(request, "file", file,
                        new DatasetUse(false, directory, settings.maxTokens()), references);
        request.finish();
        if (!request.mistakes().isEmpty()) {
            throw new InvalidRequestException(request.mistakes());
        }
        return new Read(new EvalSpec(model, file, samples, greedy, sampled, settings, stop, grader, gradingSeconds,
                metadata, request.expanded()), rows);
    }

    private static List<String> stop(Section sampling) {
        JsonNode given = sampling.given("stop");
        List<String> stop = new ArrayList<>();
        ArrayNode expanded = sampling.expanded().putArray("stop");
        if (given != null && given.isTextual()) {
            stop.add(given.textValue());
        } else if (given != null) {
            given.forEach(each -> stop.add(each.isTextual() ? each.textValue() : ""));
        }
        if (given != null && (stop.contains("") || stop.size() > 16 || given.isValueNode() != given.isTextual()
                || given.isObject())) {
            sampling.mistake("stop", "invalid_value", "'" + sampling.pathOf("stop")
                    + "' must be a string or a list of up to 16 strings, none empty.");
        }
        stop.forEach(expanded::add);
        return stop;
    }
}

package dev.d3s.server.spec;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.advantage.Scale;
import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.hub.HubReference;
import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.MemoryPlan;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.plugin.PluginKind;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.LoraTarget;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.Section;
import dev.d3s.server.request.Section.Range;
import dev.d3s.server.selection.Preset;
import dev.d3s.server.selection.Presets;
import dev.d3s.server.spec.DatasetChecks.DatasetReport;
import dev.d3s.server.spec.DatasetChecks.DatasetUse;
import dev.d3s.server.spec.DatasetChecks.Lengths;
import dev.d3s.server.spec.JobSpec.Hyperparameters;
import dev.d3s.server.training.CheckpointSettings;
import dev.d3s.server.training.EvaluationSettings;
import dev.d3s.server.training.Metric;
import dev.d3s.server.training.ObjectiveSettings;
import dev.d3s.server.training.OptimizerSettings;
import dev.d3s.server.training.PluginChoice;
import dev.d3s.server.training.RecordingSettings;
import dev.d3s.server.training.ReinforcementSettings;
import dev.d3s.server.training.ReinforcementSettings.EntropySource;
import dev.d3s.server.training.ReinforcementSettings.TokenNorm;
import dev.d3s.server.training.SelectionSettings;
import dev.d3s.server.training.SupervisedSettings;
import dev.d3s.server.training.TrainingSettings;
import dev.d3s.server.training.UpdateSettings;
import dev.d3s.spi.D3sException;

/**
 * Reads the JSON of a job. Every rule about it is here: members, defaults, ranges, and that what it names exists. All mistakes
 * are reported at once, each with its path and the fix. Thread-safe.
 */
public final class JobSpecReader {
    private static final int MOST_STEPS = 100_000_000;
    private static final int MOST_PRIORITY = 100;
    private static final Range KEEP_RATIO = Range.above(0, 1);
    private static final Pattern SUFFIX = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}");

    private final PluginReader plugins;
    private final References references;
    private final boolean stored;

    /** Of requests as this caller sees the server. */
    public static JobSpecReader of(PluginRegistry plugins, RequestChecks checks, Caller caller) {
        return new JobSpecReader(plugins, new CallerReferences(caller.within(), checks), caller.organization());
    }

    /** @param organization that sends the requests */
    JobSpecReader(PluginRegistry plugins, References references, String organization) {
        this(PluginReader.of(plugins, organization), references, false);
    }

    private JobSpecReader(PluginReader plugins, References references, boolean stored) {
        this.plugins = plugins;
        this.references = references;
        this.stored = stored;
    }

    /**
     * A job that was read.
     *
     * @param plan of its memory; {@code null} where none was made
     * @param unchecked whether it has data sets that are still to be checked; its specification is then the request as it was made
     */
    public record Planned(JobSpec spec, @Nullable MemoryPlan plan, boolean unchecked) {}

    /**
     * Reads a request.
     *
     * @throws InvalidRequestException with every mistake
     */
    public JobSpec read(JsonNode body) {
        return plan(body).spec();
    }

    /** The same, with what its memory is expected to be. */
    public Planned plan(JsonNode body) {
        return plan(body, Long.MAX_VALUE);
    }

    /**
     * The same, leaving large data sets to be checked later, and with them everything that depends on their rows.
     *
     * @param checkedAtOnce bytes of a data set that is not large
     */
    public Planned plan(JsonNode body, long checkedAtOnce) {
        if (!(body instanceof ObjectNode given)) {
            throw new InvalidRequestException(List.of(new Mistake(null, "invalid_type",
                    "The request must be a JSON object with at least 'model', 'training_file' and 'method'.")));
        }
        Section request = Section.root(given);
        String model = request.requiredText("model", "the id of a model from GET /v1/models");
        String trainingFile = request.requiredText("training_file", "the id of a file uploaded with POST /v1/files");
        String validationFile = request.text("validation_file");
        long seed = request.whole("seed", ThreadLocalRandom.current().nextLong(1L << 31), 0, (1L << 53) - 1);
        String suffix = suffix(request);
        Map<String, String> metadata = metadata(request);
        Integration.read(request, references::urlProblem);

        Path modelDirectory = model.isEmpty() ? null : model(request, model, references);
        Section method = request.section("method");
        // a method without a type is what its other member says
        Method type = method.choice("type",
                method.given("reinforcement") == null ? Method.SUPERVISED : Method.REINFORCEMENT);
        Section details = method.section(Section.word(type));
        Method other = type == Method.SUPERVISED ? Method.REINFORCEMENT : Method.SUPERVISED;
        if (method.given(Section.word(other)) != null) {
            method.mistake(Section.word(other), "invalid_value", "'method.type' is '" + Section.word(type)
                    + "', so 'method." + Section.word(other) + "' must be absent.");
        }
        JsonNode legacy = request.given("hyperparameters");
        if (legacy != null && !legacy.isEmpty()) {
            request.mistake("hyperparameters", "invalid_value",
                    "Write hyperparameters into 'method." + Section.word(type) + ".hyperparameters'.");
        }

        Files files = new Files(request, trainingFile, validationFile, modelDirectory, checkedAtOnce);
        Read result = switch (type) {
            case REINFORCEMENT -> reinforcement(details, files);
            case SUPERVISED -> supervised(details, files);
        };
        details.finish();
        method.finish();
        request.finish();
        if (!request.mistakes().isEmpty() || modelDirectory == null) {
            throw new InvalidRequestException(request.mistakes());
        }
        if (files.unchecked) {
            return new Planned(new JobSpec(model, trainingFile, validationFile, seed, suffix, metadata,
                    result.hyperparameters(), result.settings(), null, result.priority(),
                    given.deepCopy().put("seed", seed)), null, true);
        }
        EngineSettings engines = result.wishes().complete();
        MemoryPlan plan = null;
        Optional<MemoryPlanner.Outcome> outcome = references.plan(modelDirectory, result.settings(), files.lengths,
                result.wishes());
        if (outcome.isPresent()) {
            String refusal = outcome.get().refusal();
            if (refusal != null) {
                throw new InvalidRequestException(method.pathOf(Section.word(type)), "insufficient_memory", refusal);
            }
            plan = outcome.get().plan();
            engines = plan.settings();
        }
        if (engines != null) {
            ResourcesReader.write(engines, (ObjectNode) details.expanded().path("d3s"));
        }
        return new Planned(new JobSpec(model, trainingFile, validationFile, seed, suffix, metadata,
                result.hyperparameters(), result.settings(), engines, result.priority(), request.expanded()), plan,
                false);
    }

    /** The kinds of training. */
    private enum Method {
        SUPERVISED, REINFORCEMENT
    }

    private record Read(Hyperparameters hyperparameters, TrainingSettings settings, EngineWishes wishes,
            int priority) {}

    // ---------------------------------------------------------------- the two methods

    private Read reinforcement(Section details, Files files) {
        PluginChoice grader = plugins.grader(details);
        Section hyperparameters = details.section("hyperparameters", true);
        int epochs = hyperparameters.whole("n_epochs", 1, 1, 1_000_000);
        int batchSize = hyperparameters.whole("batch_size", 16, 1, 65_536);
        double multiplier = hyperparameters.real("learning_rate_multiplier", 1, Range.above(0));
        int evaluationInterval = hyperparameters.whole("eval_interval", 0, 0, MOST_STEPS);
        int evaluationSamples = hyperparameters.whole("eval_samples", 256, 1, 1_000_000);
        refuse(hyperparameters, "compute_multiplier", "set 'd3s.group_size' instead");
        refuse(hyperparameters, "reasoning_effort", "this server's models have no such setting");
        hyperparameters.finish();

        Section d3s = details.section("d3s");
        Preset preset = preset(d3s);
        int groupSize = d3s.whole("group_size", 16, 2, 4096);

        Section sampling = d3s.section("sampling");
        int maxTokens = sampling.whole("max_tokens", 256, 1, 1_000_000);
        double temperature = sampling.real("temperature", 1, Range.above(0, 10));
        sampling.finish();

        // the objective's name decides defaults of other members
        Section objective = d3s.section("objective");
        ObjectiveSettings.Name objectiveName = objective.choice("name", ObjectiveSettings.Name.GRPO);
        ObjectiveSettings objectiveSettings = new ObjectiveSettings(objectiveName,
                objective.real("clip_low", objectiveName.defaultClipLow(), Range.from(0, 1)),
                objective.real("clip_high", objectiveName.defaultClipHigh(), Range.from(0)),
                objective.real("kl_beta", 0, Range.from(0)), objective.real("importance_cap", 2, Range.from(0)));
        objective.finish();

        Section advantage = d3s.section("advantage");
        Scale scale = advantage.choice("scale", objectiveName.defaultScale());
        double minRange = advantage.real("min_range", 1e-6, Range.from(0));
        advantage.finish();

        Section rolloutLevel = d3s.section("rollouts");
        SelectionSettings rollouts = selection(rolloutLevel, PluginKind.ROLLOUT_SELECTOR,
                SelectionSettings.of(preset.rollouts()));
        rolloutLevel.finish();
        Section tokenLevel = d3s.section("tokens");
        SelectionSettings tokens = selection(tokenLevel, PluginKind.TOKEN_SELECTOR,
                SelectionSettings.of(preset.tokens()));
        TokenNorm norm = tokenLevel.choice("norm", TokenNorm.KEPT);
        EntropySource entropy = tokenLevel.choice("entropy", EntropySource.ROLLOUT);
        tokenLevel.finish();

        Section updates = d3s.section("updates");
        UpdateSettings updateSettings = new UpdateSettings(updates.whole("iterations", 1, 1, 1000),
                updates.whole("mini_batches", 1, 1, 65_536));
        updates.finish();

        PolicySettings policy = policy(d3s);
        EngineWishes wishes = ResourcesReader.read(d3s);
        int priority = d3s.whole("priority", 0, -MOST_PRIORITY, MOST_PRIORITY);
        OptimizerSettings optimizer = optimizer(d3s, multiplier, policy);

        Section grading = d3s.section("grading");
        double timeout = grading.real("timeout_seconds", 30, Range.above(0, 86_400));
        grading.finish();

        EvaluationSettings evaluation = evaluation(d3s, files, evaluationInterval, evaluationSamples,
                temperature);
        CheckpointSettings checkpoints = checkpoints(d3s);
        int rows = files.check(false, maxTokens, false, maxTokens);
        int steps = steps(d3s, epochs, files, rows, batchSize);
        RecordingSettings recording = recording(d3s, steps);
        d3s.finish();
        return new Read(new Hyperparameters(epochs, batchSize, multiplier),
                new ReinforcementSettings(preset.name(), steps, batchSize, groupSize, maxTokens, temperature, scale,
                        minRange, rollouts, tokens, norm, entropy, objectiveSettings, updateSettings, grader, timeout,
                        policy, optimizer, evaluation, checkpoints, recording),
                wishes, priority);
    }

    private Read supervised(Section details, Files files) {
        PluginChoice grader = details.given("grader") == null ? null : plugins.grader(details);
        Section hyperparameters = details.section("hyperparameters", true);
        int epochs = hyperparameters.whole("n_epochs", 1, 1, 1_000_000);
        int givenBatchSize = hyperparameters.whole("batch_size", 16, 1, 65_536);
        double multiplier = hyperparameters.real("learning_rate_multiplier", 1, Range.above(0));
        hyperparameters.finish();

        Section d3s = details.section("d3s");
        int batchSize = d3s.whole("batch_size", givenBatchSize, 1, 65_536);
        int maxTokens = d3s.whole("max_tokens", 256, 1, 1_000_000);
        PolicySettings policy = policy(d3s);
        EngineWishes wishes = ResourcesReader.read(d3s);
        int priority = d3s.whole("priority", 0, -MOST_PRIORITY, MOST_PRIORITY);
        OptimizerSettings optimizer = optimizer(d3s, multiplier, policy);
        EvaluationSettings evaluation = evaluation(d3s, files, 0, 256, 1);
        CheckpointSettings checkpoints = checkpoints(d3s);
        // completions are imitated in training; in evaluation they are generated, and a grader needs none to compare with
        int rows = files.check(true, 0, grader == null, maxTokens);
        int steps = steps(d3s, epochs, files, rows, batchSize);
        d3s.finish();
        return new Read(new Hyperparameters(epochs, batchSize, multiplier),
                new SupervisedSettings(steps, batchSize, maxTokens, policy, optimizer, evaluation, checkpoints,
                        grader),
                wishes, priority);
    }

    // ---------------------------------------------------------------- parts of both

    private int steps(Section d3s, int epochs, Files files, int rows, int batchSize) {
        if ((stored || files.unchecked) && d3s.given("steps") == null) {
            return 1; // nobody has counted the rows yet, so that this is not written down
        }
        long needed = Math.ceilDiv((long) epochs * rows, batchSize);
        return d3s.whole("steps", Math.clamp(needed, 1, MOST_STEPS), 1, MOST_STEPS);
    }

    private static PolicySettings policy(Section d3s) {
        return new PolicySettings(d3s.choice("precision", Precision.FP32), lora(d3s));
    }

    /** Absent means that all weights are trained. */
    private static @Nullable LoraSettings lora(Section d3s) {
        if (d3s.given("lora") == null) {
            d3s.expanded().putNull("lora");
            return null;
        }
        Section lora = d3s.section("lora");
        int rank = lora.whole("rank", 16, 1, 4096);
        double alpha = lora.real("alpha", 2.0 * rank, Range.above(0));
        List<LoraTarget> targets = loraTargets(lora);
        boolean rankStabilized = lora.flag("use_rslora", false);
        if (lora.real("dropout", 0, Range.from(0, 1)) > 0) {
            lora.mistake("dropout", "invalid_value", "'" + lora.pathOf("dropout")
                    + "' must be 0: adapters are trained without dropout, so that a rollout's log-probabilities can be "
                    + "computed again.");
        }
        lora.finish();
        return new LoraSettings(rank, alpha, targets, rankStabilized);
    }

    private static List<LoraTarget> loraTargets(Section lora) {
        String name = "target_modules";
        List<LoraTarget> all = List.of(LoraTarget.values());
        JsonNode given = lora.given(name);
        List<LoraTarget> targets = new ArrayList<>();
        if (given != null && !(given.isTextual() && given.textValue().equals("all-linear"))) {
            List<String> unknown = new ArrayList<>();
            for (JsonNode word : given) {
                all.stream()
                    .filter(target -> word.asText().equals(target.word()))
                    .findFirst()
                    .ifPresentOrElse(targets::add, () -> unknown.add(word.toString()));
            }
            if (!given.isArray() || given.isEmpty() || !unknown.isEmpty()) {
                lora.mistake(name, "invalid_value", "'" + lora.pathOf(name) + "' must be \"all-linear\" or a list of "
                        + String.join(", ", all.stream().map(LoraTarget::word).toList())
                        + (unknown.isEmpty() ? "." : "; at fault: " + String.join(", ", unknown) + "."));
            }
        }
        List<LoraTarget> result = targets.isEmpty() ? all : targets.stream().distinct().sorted().toList();
        ArrayNode words = lora.expanded().putArray(name);
        result.forEach(target -> words.add(target.word()));
        return result;
    }

    private static OptimizerSettings optimizer(Section d3s, double multiplier, PolicySettings policy) {
        Section optimizer = d3s.section("optimizer");
        OptimizerSettings settings = new OptimizerSettings(
                // adapters begin at 0 and are few: they take, and need, larger steps
                optimizer.real("learning_rate", policy.lora() == null ? 1e-5 : 1e-4, Range.above(0, 10)) * multiplier,
                optimizer.choice("decay", OptimizerSettings.Decay.CONSTANT),
                optimizer.real("final_ratio", 0, Range.from(0, 1)),
                optimizer.whole("warmup_steps", 5, 0, MOST_STEPS),
                optimizer.real("weight_decay", 0, Range.from(0, 1)),
                optimizer.real("max_grad_norm", 1, Range.above(0)),
                optimizer.real("beta1", 0.9, new Range(0, false, Math.nextDown(1.0))),
                optimizer.real("beta2", 0.999, new Range(0, false, Math.nextDown(1.0))),
                optimizer.real("epsilon", 1e-8, Range.above(0, 1)));
        optimizer.finish();
        return settings;
    }

    private static EvaluationSettings evaluation(Section d3s, Files files, int interval, int samples,
            double temperature) {
        Section evaluation = d3s.section("evaluation");
        EvaluationSettings settings = new EvaluationSettings(evaluation.whole("interval", interval, 0, MOST_STEPS),
                evaluation.whole("samples", samples, 1, 1_000_000), sampled(evaluation, 0),
                evaluation.real("temperature", temperature, Range.above(0, 10)));
        evaluation.finish();
        if (settings.interval() > 0 && files.validationFile == null) {
            files.request.mistake("validation_file", "missing_required_parameter",
                    "Evaluating every " + settings.interval() + " steps needs a 'validation_file'.");
        }
        return settings;
    }

    /**
     * The members {@code n}, {@code k} and {@code pass_threshold}.
     *
     * @param fewest what n must be at least
     */
    static SampledSettings sampled(Section evaluation, int fewest) {
        int n = evaluation.whole("n", fewest, fewest, 4096);
        List<Integer> given = null;
        if (n > 0) {
            given = evaluation.wholes("k", 1, n);
        } else if (!evaluation.empty("k")) {
            evaluation.mistake("k", "invalid_value", "'" + evaluation.pathOf("k") + "' needs '"
                    + evaluation.pathOf("n") + "': how many completions of each prompt are sampled, at least k.");
        }
        List<Integer> k = given == null ? SampledSettings.defaultK(n) : given;
        ArrayNode expanded = evaluation.expanded().putArray("k");
        k.forEach(expanded::add);
        return new SampledSettings(n, k,
                evaluation.real("pass_threshold", 1, Range.from(-1_000_000, 1_000_000)));
    }

    private static CheckpointSettings checkpoints(Section d3s) {
        Section checkpoint = d3s.section("checkpoint");
        int interval = checkpoint.whole("interval", 50, 0, MOST_STEPS);
        double minutes = checkpoint.real("minutes", 0, Range.from(0, 1_000_000));
        int keepLast = checkpoint.whole("keep_last", 0, 0, MOST_STEPS);
        Section keepBest = checkpoint.section("keep_best");
        String given = keepBest.text("metric");
        String metric = given == null ? Metric.ACCURACY.key() : given;
        if (!Metric.mayBe(metric)) {
            keepBest.mistake("metric", "invalid_value", "'" + keepBest.pathOf("metric") + "' is '" + metric
                    + "', which is no metric: the README lists them, such as accuracy, reward_mean or validation_loss.");
        }
        keepBest.expanded().put("metric", metric);
        CheckpointSettings settings = new CheckpointSettings(interval, minutes, keepLast, metric,
                keepBest.choice("mode", CheckpointSettings.Best.MAX));
        keepBest.finish();
        checkpoint.finish();
        return settings;
    }

    private RecordingSettings recording(Section d3s, int steps) {
        Section recording = d3s.section("recording");
        RecordingSettings settings = new RecordingSettings(
                recording.whole("interval", RecordingSettings.intervalFor(steps), 0, MOST_STEPS),
                recording.whole("groups", 2, 1, 64));
        if (stored && d3s.given("steps") == null && recording.given("interval") == null) {
            recording.expanded().remove("interval"); // it depends on the steps
        }
        recording.finish();
        return settings;
    }

    private Preset preset(Section d3s) {
        List<Preset> known = Presets.all();
        String given = d3s.text("preset");
        String name = given == null ? Presets.DEFAULT : given;
        Optional<Preset> preset = known.stream().filter(each -> each.name().equals(name)).findFirst();
        if (preset.isEmpty() && !stored) {
            d3s.mistake("preset", "unknown_preset", "There is no preset '" + name + "'; known presets: "
                    + String.join(", ", known.stream().map(Preset::name).toList()) + ".");
        }
        d3s.expanded().put("preset", name);
        Preset base = preset.orElseGet(known::getFirst);
        return new Preset(name, base.description(), base.rollouts(), base.tokens());
    }

    private SelectionSettings selection(Section level, PluginKind kind, SelectionSettings preset) {
        PluginChoice selector = plugins.choice(level, "selector", kind, preset.selector());
        double from = preset.keepFrom();
        double to = preset.keepTo();
        JsonNode keep = level.given("keep");
        if (keep instanceof ObjectNode) {
            Section ends = level.section("keep");
            from = ends.real("from", from, KEEP_RATIO);
            to = ends.real("to", to, KEEP_RATIO);
            ends.finish();
        } else if (keep != null) {
            from = level.real("keep", keep, from, KEEP_RATIO);
            to = from;
        }
        level.expanded().putObject("keep").put("from", from).put("to", to);
        PluginChoice schedule = plugins.choice(level, "schedule", PluginKind.SCHEDULE, preset.schedule());
        return new SelectionSettings(selector, from, to, schedule);
    }

    private static void refuse(Section hyperparameters, String name, String instead) {
        JsonNode value = hyperparameters.given(name);
        if (value != null && !(value.isTextual() && value.textValue().equals("default"))) {
            hyperparameters.mistake(name, "invalid_value", "'" + name + "' is not supported: " + instead + ".");
        }
    }

    // ---------------------------------------------------------------- what ids stand for

    static @Nullable Path model(Section request, String id, References references) {
        Optional<Path> directory = references.model(id);
        if (directory.isEmpty()) {
            List<String> ids = references.modelIds();
            String instead = ids.isEmpty()
                    ? "put a model directory into the server's models directory first"
                    : "known models: " + String.join(", ", ids.subList(0, Math.min(20, ids.size())));
            if (id.startsWith(HubReference.SCHEME)) {
                instead = "download it with POST /v1/models and {\"model\": \"" + id
                        + "\"}, then give the id that this answers with";
            }
            request.mistake("model", "model_not_found", "There is no model '" + id + "'; " + instead + ".");
            return null;
        }
        List<String> problems = references.modelProblems(directory.get());
        problems.forEach(problem -> request.mistake("model", "invalid_model", problem));
        return problems.isEmpty() ? directory.get() : null;
    }

    /** The two datasets of a job. */
    private final class Files {
        private final Section request;
        private final String trainingFile;
        private final @Nullable String validationFile;
        private final @Nullable Path model;
        private final long checkedAtOnce;
        private Lengths lengths = Lengths.UNKNOWN;
        private boolean unchecked;

        Files(Section request, String trainingFile, @Nullable String validationFile, @Nullable Path model,
                long checkedAtOnce) {
            this.request = request;
            this.trainingFile = trainingFile;
            this.validationFile = validationFile;
            this.model = model;
            this.checkedAtOnce = checkedAtOnce;
        }

        /**
         * Checks both; returns the rows of the training file, at least 1.
         *
         * @param completions whether rows need a completion
         * @param tokens to be generated after a prompt
         */
        int check(boolean completions, int tokens, boolean validationCompletions, int validationTokens) {
            int rows = trainingFile.isEmpty()
                    ? 1
                    : check("training_file", trainingFile, new DatasetUse(completions, model, tokens));
            if (validationFile != null) {
                check("validation_file", validationFile,
                        new DatasetUse(validationCompletions, model, validationTokens));
            }
            return rows;
        }

        private int check(String member, String id, DatasetUse use) {
            if (references.datasetSize(id) > checkedAtOnce) {
                unchecked = true;
                return 1;
            }
            DatasetReport report = report(request, member, id, use, references);
            lengths = lengths.max(report.lengths());
            return Math.max(1, report.rows());
        }
    }

    /** Checks a file; returns its rows, at least 1. */
    static int dataset(Section request, String member, String id, DatasetUse use, References references) {
        return Math.max(1, report(request, member, id, use, references).rows());
    }

    private static DatasetReport report(Section request, String member, String id, DatasetUse use,
            References references) {
        Optional<Path> path;
        try {
            path = references.file(id);
        } catch (D3sException refused) {
            request.mistake(member, refused.code(), refused.text());
            return new DatasetReport(1, List.of());
        }
        if (path.isEmpty()) {
            request.mistake(member, "file_not_found", id.startsWith("/") || id.startsWith("file:")
                    ? "There is no file '" + id + "' inside the server's d3s.data.directory."
                    : "There is no file '" + id
                            + "'; upload one with POST /v1/files and use the id it returns.");
            return new DatasetReport(1, List.of());
        }
        DatasetReport report = references.dataset(path.get(), use);
        report.problems().forEach(problem -> request.mistake(member, "invalid_dataset", problem));
        if (report.rows() == 0 && report.problems().isEmpty()) {
            request.mistake(member, "invalid_dataset",
                    "The file '" + id + "' has no rows; it needs one JSON object per line.");
        }
        return report;
    }

    private static @Nullable String suffix(Section request) {
        String suffix = request.text("suffix");
        if (suffix != null && !SUFFIX.matcher(suffix).matches()) {
            request.mistake("suffix", "invalid_value",
                    "'suffix' must be 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit.");
            return null;
        }
        return suffix;
    }

    static Map<String, String> metadata(Section request) {
        JsonNode given = request.given("metadata");
        if (given == null) {
            return Map.of();
        }
        Map<String, String> metadata = new LinkedHashMap<>();
        List<String> wrong = new ArrayList<>();
        given.properties().forEach(member -> {
            if (member.getValue().isTextual() && member.getKey().length() <= 64
                    && member.getValue().textValue().length() <= 512) {
                metadata.put(member.getKey(), member.getValue().textValue());
            } else {
                wrong.add(member.getKey());
            }
        });
        if (!given.isObject() || !wrong.isEmpty() || metadata.size() > 16) {
            request.mistake("metadata", "invalid_value",
                    "'metadata' must be an object of at most 16 strings, keys up to 64 "
                            + "and values up to 512 characters"
                            + (wrong.isEmpty() ? "." : "; at fault: " + wrong + "."));
        }
        request.expanded().set("metadata", given);
        return metadata;
    }

    // ---------------------------------------------------------------- stored jobs

    /**
     * Reads what {@link JobSpec#request()} wrote, without asking again whether what it names still exists: that is for the
     * run to find out.
     */
    public static JobSpecReader ofStored(PluginRegistry plugins) {
        return new JobSpecReader(PluginReader.ofStored(plugins), StoredReferences.INSTANCE, true);
    }
}

package dev.d3s.server.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.advantage.Scale;
import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.job.TestServer;
import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.LoraTarget;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.Section;
import dev.d3s.server.spec.DatasetChecks.DatasetReport;
import dev.d3s.server.spec.DatasetChecks.DatasetUse;
import dev.d3s.server.spec.DatasetChecks.Lengths;
import dev.d3s.server.training.CheckpointSettings;
import dev.d3s.server.training.EvaluationSettings;
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
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

class JobSpecReaderTest {
    private static final PluginRegistry PLUGINS = TestCatalogs.plugins();
    private static final PluginChoice EXACT = new PluginChoice("string_check",
            Map.of("name", "exact", "input", "{{sample.output_text}}", "reference", "{{item.answer}}", "operation",
                    "eq"));

    /** One model, two files of 100 rows. */
    private static final class OneOfEach implements References {
        @Override
        public Optional<Path> model(String id) {
            return id.equals("base") ? Optional.of(Path.of("base")) : Optional.empty();
        }

        @Override
        public List<String> modelIds() {
            return List.of("base");
        }

        @Override
        public List<String> modelProblems(Path directory) {
            return List.of();
        }

        @Override
        public Optional<Path> file(String id) {
            return id.equals("file-1") || id.equals("file-2") ? Optional.of(Path.of(id)) : Optional.empty();
        }

        @Override
        public DatasetReport dataset(Path file, DatasetUse use) {
            return new DatasetReport(100, List.of());
        }

        @Override
        public Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths,
                EngineWishes wishes) {
            return new TestCatalogs().plan(model, settings, lengths, wishes);
        }
    }

    private static JobSpec read(JsonNode request) {
        return new JobSpecReader(PLUGINS, new OneOfEach(), "d3s").read(request);
    }

    private static ObjectNode reinforcement() {
        return TestServer.json("""
                {"model": "base", "training_file": "file-1", "method": {"type": "reinforcement", "reinforcement": {
                   "grader": {"type": "string_check", "name": "exact", "input": "{{sample.output_text}}",
                              "reference": "{{item.answer}}", "operation": "eq"}}}}""");
    }

    private static ObjectNode withD3s(String d3s) {
        ObjectNode request = reinforcement();
        request.withObject("/method/reinforcement").set("d3s", TestServer.json(d3s));
        return request;
    }

    private static List<Mistake> mistakes(JsonNode request) {
        return mistakes(PLUGINS, request);
    }

    private static List<Mistake> mistakes(PluginRegistry plugins, JsonNode request) {
        try {
            new JobSpecReader(plugins, new OneOfEach(), "d3s").read(request);
        } catch (InvalidRequestException e) {
            return e.mistakes();
        }
        throw new AssertionError("The request was accepted: " + request);
    }

    @Test
    void shouldFillInD3sWithItsDefaults() {
        PluginChoice linear = PluginChoice.of("linear");
        assertThat(read(reinforcement()).settings()).isEqualTo(new ReinforcementSettings("d3s", 7, 16, 16, 256, 1,
                Scale.GROUP, 1e-6,
                new SelectionSettings(
                        new PluginChoice("d3s-cross", Map.of("pool", "batch", "intra_keep", 0.5, "split", "variance",
                                "normalize", "group", "fill_with_zero_advantage", false)),
                        0.25,
                        0.75, linear),
                new SelectionSettings(new PluginChoice("advantage-entropy", Map.of("scope", "batch")), 0.2, 1, linear),
                TokenNorm.KEPT, EntropySource.ROLLOUT,
                new ObjectiveSettings(ObjectiveSettings.Name.GRPO, 0.2, 0.28, 0, 2), UpdateSettings.ONCE, EXACT,
                30, PolicySettings.DEFAULT,
                new OptimizerSettings(1e-5, OptimizerSettings.Decay.CONSTANT, 0, 5, 0, 1, 0.9, 0.999, 1e-8),
                new EvaluationSettings(0, 256), CheckpointSettings.every(50), new RecordingSettings(1, 2)));
    }

    @Test
    void shouldReadEveryMember() {
        ObjectNode request = withD3s(
                """
                        {"preset": "grpo", "steps": 9, "group_size": 4, "sampling": {"max_tokens": 48, "temperature": 0.7},
                         "advantage": {"scale": "batch", "min_range": 0},
                         "rollouts": {"selector": {"name": "d3s-cross", "config": {"pool": "intra"}}, "keep": 0.5,
                                      "schedule": {"name": "linear"}},
                         "tokens": {"selector": "advantage-entropy", "keep": {"from": 0.3}, "schedule": "linear",
                                    "norm": "all", "entropy": "recompute"},
                         "objective": {"name": "dapo", "clip_low": 0.1, "clip_high": 0.3, "kl_beta": 0.01, "importance_cap": 0},
                         "updates": {"iterations": 2, "mini_batches": 4},
                         "grading": {"timeout_seconds": 2.5}, "evaluation": {"interval": 3},
                         "optimizer": {"learning_rate": 2e-4, "decay": "cosine", "final_ratio": 0.1, "warmup_steps": 1,
                                       "weight_decay": 0.01, "max_grad_norm": 0.5, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6},
                         "checkpoint": {"interval": 0}, "recording": {"interval": 4, "groups": 3}}""");
        request.put("validation_file", "file-2").put("seed", 11).put("suffix", "x").putObject("metadata").put("a", "b");
        request.withObject("/method/reinforcement")
            .set("hyperparameters", TestServer.json(
                    "{\"batch_size\": 8, \"learning_rate_multiplier\": 0.5, \"eval_interval\": 20, \"eval_samples\": 30, "
                            + "\"n_epochs\": \"auto\", \"reasoning_effort\": \"default\"}"));

        JobSpec spec = read(request);

        assertThat(spec.settings()).isEqualTo(new ReinforcementSettings("grpo", 9, 8, 4, 48, 0.7,
                Scale.BATCH, 0,
                new SelectionSettings(
                        new PluginChoice("d3s-cross", Map.of("pool", "intra", "intra_keep", 0.5, "split", "variance",
                                "normalize", "group", "fill_with_zero_advantage", false)),
                        0.5,
                        0.5, PluginChoice.of("linear")),
                new SelectionSettings(new PluginChoice("advantage-entropy", Map.of("scope", "batch")), 0.3, 1,
                        PluginChoice.of("linear")),
                TokenNorm.ALL, EntropySource.RECOMPUTE,
                new ObjectiveSettings(ObjectiveSettings.Name.DAPO, 0.1, 0.3, 0.01, 0), new UpdateSettings(2, 4), EXACT,
                2.5, PolicySettings.DEFAULT,
                new OptimizerSettings(1e-4, OptimizerSettings.Decay.COSINE, 0.1, 1, 0.01, 0.5, 0.8, 0.95, 1e-6),
                new EvaluationSettings(3, 30, SampledSettings.NONE, 0.7), CheckpointSettings.every(0),
                new RecordingSettings(4, 3)));
        assertThat(spec.seed()).isEqualTo(11);
        assertThat(spec.validationFile()).isEqualTo("file-2");
        assertThat(spec.suffix()).isEqualTo("x");
        assertThat(spec.metadata()).isEqualTo(Map.of("a", "b"));
        assertThat(spec.hyperparameters()).isEqualTo(new JobSpec.Hyperparameters(1, 8, 0.5));
        assertThat(read(spec.request())).isEqualTo(spec);
    }

    @ParameterizedTest
    @CsvSource({"grpo, 0.2, 0.28, group", "dapo, 0.2, 0.28, group", "dr-grpo, 0.2, 0.28, none",
            "gspo, 0.0003, 0.0004, group", "cispo, 1, 4, group"})
    void shouldFillInTheNumbersOfTheObjective(String name, double clipLow, double clipHigh, String scale) {
        JobSpec spec = read(withD3s("{\"objective\": {\"name\": \"" + name + "\"}}"));
        JsonNode d3s = spec.request().at("/method/reinforcement/d3s");
        assertThat(d3s.at("/objective/name").asText()).isEqualTo(name);
        assertThat(d3s.at("/objective/clip_low").asDouble()).isEqualTo(clipLow);
        assertThat(d3s.at("/objective/clip_high").asDouble()).isEqualTo(clipHigh);
        assertThat(d3s.at("/advantage/scale").asText()).isEqualTo(scale);
        ReinforcementSettings settings = (ReinforcementSettings) spec.settings();
        assertThat(settings.objective().clipLow()).isEqualTo(clipLow);
        assertThat(settings.objective().clipHigh()).isEqualTo(clipHigh);
        assertThat(Section.word(settings.advantageScale())).isEqualTo(scale);
        assertThat(read(spec.request())).isEqualTo(spec);

        ReinforcementSettings given = (ReinforcementSettings) read(withD3s("{\"objective\": {\"name\": \"" + name
                + "\", \"clip_low\": 0.1, \"clip_high\": 0.5}, \"advantage\": {\"scale\": \"batch\"}}"))
            .settings();
        assertThat(given.objective().clipLow()).isEqualTo(0.1);
        assertThat(given.objective().clipHigh()).isEqualTo(0.5);
        assertThat(given.advantageScale()).isEqualTo(Scale.BATCH);
    }

    @Test
    void shouldReadSupervisedJobs() {
        ObjectNode request = TestServer.json("""
                {"model": "base", "training_file": "file-1", "method": {"type": "supervised", "supervised": {
                   "hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": "auto"},
                   "d3s": {"max_tokens": 48, "optimizer": {"learning_rate": 0.003, "decay": "linear"}}}}}""");
        JobSpec spec = read(request);
        assertThat(spec.settings()).isEqualTo(new SupervisedSettings(38, 8, 48, PolicySettings.DEFAULT,
                new OptimizerSettings(0.003, OptimizerSettings.Decay.LINEAR, 0, 5, 0, 1, 0.9, 0.999, 1e-8),
                new EvaluationSettings(0, 256), CheckpointSettings.every(50), null));
        assertThat(read(spec.request())).isEqualTo(spec);

        request.withObject("/method/supervised")
            .set("grader", TestServer.json(
                    "{\"type\": \"string_check\", \"name\": \"exact\", \"input\": \"{{sample.output_text}}\", "
                            + "\"reference\": \"{{item.answer}}\", \"operation\": \"eq\"}"));
        assertThat(((SupervisedSettings) read(request).settings()).grader()).isEqualTo(EXACT);
    }

    @Test
    void shouldTrainAdaptersWhereTheJobSaysSo() {
        ObjectNode request = reinforcement();
        ObjectNode d3s = request.withObject("/method/reinforcement/d3s");
        d3s.put("precision", "bf16").putObject("lora");
        JobSpec spec = read(request);
        assertThat(spec.settings().policy()).isEqualTo(new PolicySettings(Precision.BF16, LoraSettings.of(16, 32)));
        assertThat(spec.settings().optimizer().learningRate()).isEqualTo(1e-4);
        assertThat(read(spec.request())).isEqualTo(spec);

        d3s.set("lora", TestServer.json("""
                {"rank": 4, "alpha": 3, "target_modules": ["v_proj", "q_proj"], "use_rslora": true, "dropout": 0}"""));
        spec = read(request);
        assertThat(spec.settings().policy().lora())
            .isEqualTo(new LoraSettings(4, 3, List.of(LoraTarget.Q_PROJ, LoraTarget.V_PROJ), true));
        assertThat(read(spec.request())).isEqualTo(spec);
    }

    @Test
    void shouldSayAllThatIsWrongWithAdapters() {
        ObjectNode request = reinforcement();
        ObjectNode d3s = request.withObject("/method/reinforcement/d3s");
        d3s.put("precision", "fp16");
        d3s.set("lora", TestServer
            .json("""
                    {"rank": 0, "alpha": -1, "target_modules": ["q_proj", "qkv"], "use_rslora": 1, "dropout": 0.1, "r": 8}"""));
        assertThat(mistakes(request)).extracting(Mistake::param)
            .containsExactlyInAnyOrder("method.reinforcement.d3s.precision", "method.reinforcement.d3s.lora.rank",
                    "method.reinforcement.d3s.lora.alpha", "method.reinforcement.d3s.lora.target_modules",
                    "method.reinforcement.d3s.lora.use_rslora", "method.reinforcement.d3s.lora.dropout",
                    "method.reinforcement.d3s.lora.r");
    }

    @Test
    void shouldRepeatAJobFromItsExpandedRequest() {
        JobSpec spec = read(reinforcement());
        assertThat(read(spec.request())).isEqualTo(spec);
        assertThat(JobSpecReader.ofStored(PLUGINS).read(spec.request())).isEqualTo(spec);
        assertThat(read(reinforcement()).seed()).isNotEqualTo(spec.seed());
    }

    @Test
    void shouldStoreWhatThePlannerChoseAndRepeatIt() {
        JobSpec spec = read(withD3s("{\"resources\": {\"rollout_slots\": 5, \"refresh\": \"in-place\"}}"));

        EngineSettings engines = Objects.requireNonNull(spec.engines());
        assertThat(engines.slotsPerWorker()).isEqualTo(5);
        assertThat(engines.refresh()).isEqualTo(EngineSettings.Refresh.IN_PLACE);
        JsonNode resources = spec.request().at("/method/reinforcement/d3s/resources");
        assertThat(resources.path("refresh").asText()).isEqualTo("in-place");
        assertThat(resources.path("tokens_per_micro_batch").asInt()).isEqualTo(engines.tokensPerMicroBatch());
        assertThat(read(spec.request())).isEqualTo(spec);
        assertThat(JobSpecReader.ofStored(PLUGINS).read(spec.request())).isEqualTo(spec);
    }

    @Test
    void shouldRefuseAJobThatDoesNotFitIntoMemory() {
        assertThat(mistakes(withD3s("{\"resources\": {\"rollout_slots\": 4096}, \"sampling\": {\"max_tokens\": 900}}")))
            .singleElement()
            .satisfies(mistake -> {
                assertThat(mistake.code()).isEqualTo("insufficient_memory");
                assertThat(mistake.param()).isEqualTo("method.reinforcement");
                assertThat(mistake.message()).contains("key-value cache", "but the server may use 2.0 GiB");
            });
    }

    @Test
    void shouldReportEveryMistakeInResources() {
        assertThat(mistakes(withD3s("""
                {"resources": {"trainer_workers": 0, "lm_head_rows": "all", "activation_checkpointing": "some",
                               "slots": 3}}""")).stream().map(Mistake::param)).containsExactlyInAnyOrder(
                "method.reinforcement.d3s.resources.trainer_workers",
                "method.reinforcement.d3s.resources.lm_head_rows",
                "method.reinforcement.d3s.resources.activation_checkpointing",
                "method.reinforcement.d3s.resources.slots");
    }

    @Test
    void shouldReadAStoredJobWhosePluginsAndFilesAreGone() {
        ObjectNode request = read(reinforcement()).request();
        request.put("model", "gone").put("training_file", "file-gone");
        request.withObject("/method/reinforcement/d3s/rollouts/selector").put("name", "gone");
        request.withObject("/method/reinforcement/d3s").put("preset", "gone");

        ReinforcementSettings settings = (ReinforcementSettings) JobSpecReader.ofStored(PLUGINS)
            .read(request)
            .settings();

        assertThat(settings.preset()).isEqualTo("gone");
        assertThat(settings.rollouts().selector().name()).isEqualTo("gone");
    }

    @Test
    void shouldCountStepsFromEpochsAndRows() {
        ObjectNode request = reinforcement();
        request.withObject("/method/reinforcement")
            .putObject("hyperparameters")
            .put("n_epochs", 2)
            .put("batch_size", 30);
        assertThat(read(request).settings().steps()).isEqualTo(7);
        request.withObject("/method/reinforcement").putObject("d3s").put("steps", 3);
        assertThat(read(request).settings().steps()).isEqualTo(3);
    }

    @Test
    void shouldHandNestedGraderMembersOverAndKeepALabelFromThePlugin() {
        ObjectNode request = reinforcement();
        request.withObject("/method/reinforcement")
            .set("grader",
                    TestServer.json(
                            "{\"type\": \"nested\", \"name\": \"both\", \"graders\": {\"b\": {\"type\": \"x\"}, \"a\": [1, 0.5, null]}}"));
        JobSpec spec = read(request);
        assertThat(((ReinforcementSettings) spec.settings()).grader().config())
            .isEqualTo(Map.of("graders", Map.of("b", Map.of("type", "x"), "a", Arrays.asList(1L, 0.5, null))));
        assertThat(spec.request().at("/method/reinforcement/grader/name").textValue()).isEqualTo("both");
        assertThat(spec.request().at("/method/reinforcement/grader/graders"))
            .hasToString("{\"b\":{\"type\":\"x\"},\"a\":[1,0.5,null]}");
        assertThat(read(spec.request())).isEqualTo(spec);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"group_size": 1}                        | group_size               | invalid_value
            {"group_size": 2.5}                      | group_size               | invalid_type
            {"group_size": "16"}                     | group_size               | invalid_type
            {"sampling": {"temperature": 0}}         | sampling.temperature     | invalid_value
            {"sampling": {"max_tokens": 0}}          | sampling.max_tokens      | invalid_value
            {"sampling": {"top_p": 0.5}}             | sampling.top_p           | unknown_parameter
            {"sampling": [1]}                        | sampling                 | invalid_type
            {"advantage": {"scale": "sum"}}          | advantage.scale          | invalid_value
            {"rollouts": {"keep": 1.01}}             | rollouts.keep            | invalid_value
            {"rollouts": {"keep": "half"}}           | rollouts.keep            | invalid_type
            {"rollouts": {"keep": {"until": 1}}}     | rollouts.keep.until      | unknown_parameter
            {"rollouts": {"selector": 3}}            | rollouts.selector        | invalid_type
            {"rollouts": {"selector": {"config": {}}}} | rollouts.selector.name | missing_required_parameter
            {"rollouts": {"selector": {"name": "x"}}} | rollouts.selector.name  | unknown_plugin
            {"rollouts": {"norm": "kept"}}           | rollouts.norm            | unknown_parameter
            {"tokens": {"selector": "d3s-cross"}}    | tokens.selector          | unknown_plugin
            {"tokens": {"schedule": "d3s-cross"}}    | tokens.schedule          | unknown_plugin
            {"tokens": {"norm": "some"}}             | tokens.norm              | invalid_value
            {"tokens": {"selector": {"name": "all", "config": {"k": 1}}}} | tokens.selector.config.k | invalid_config
            {"objective": {"clip_low": 1.5}}         | objective.clip_low       | invalid_value
            {"updates": {"iterations": 0}}           | updates.iterations       | invalid_value
            {"updates": {"mini_batches": 1.5}}       | updates.mini_batches     | invalid_type
            {"objective": {"kl_beta": -1}}           | objective.kl_beta        | invalid_value
            {"optimizer": {"learning_rate": 0}}      | optimizer.learning_rate  | invalid_value
            {"optimizer": {"beta1": 1}}              | optimizer.beta1          | invalid_value
            {"optimizer": {"lr": 1}}                 | optimizer.lr             | unknown_parameter
            {"grading": {"timeout_seconds": 0}}      | grading.timeout_seconds  | invalid_value
            {"steps": 0}                             | steps                    | invalid_value
            {"preset": "d4s"}                        | preset                   | unknown_preset
            {"checkpoint": {"interval": -1}}         | checkpoint.interval      | invalid_value
            {"recording": {"interval": -1}}          | recording.interval       | invalid_value
            {"recording": {"groups": 0}}             | recording.groups         | invalid_value
            """)
    void shouldNameTheMemberAtFault(String d3s, String param, String code) {
        assertThat(mistakes(withD3s(d3s))).singleElement().satisfies(mistake -> {
            assertThat(mistake.param()).isEqualTo("method.reinforcement.d3s." + param);
            assertThat(mistake.code()).isEqualTo(code);
        });
    }

    @Test
    void shouldNameWhatIsKnown() {
        assertThat(mistakes(withD3s("{\"preset\": \"d4s\", \"tokens\": {\"selector\": \"best\", \"kepp\": 1}}")))
            .extracting(Mistake::message)
            .containsExactly(
                    "There is no preset 'd4s'; known presets: grpo, pods, d1s, d1s-cross, d2s, d3s-i, d3s-auto, d3s.",
                    "There is no token selector 'best'; known: abs-advantage, advantage-entropy, all, entropy, prefix, "
                            + "random.",
                    "Unknown member 'kepp' in 'method.reinforcement.d3s.tokens'; known members: selector, keep, "
                            + "schedule, norm, entropy.");
        ObjectNode request = reinforcement();
        request.withObject("/method/reinforcement").putObject("grader").put("type", "vibes");
        assertThat(mistakes(request)).singleElement()
            .extracting(Mistake::message)
            .isEqualTo("There is no grader 'vibes'; known: format, http, length, math, multi, "
                    + "nested, score_model, string_check, text_similarity.");
        request.put("model", "bass");
        assertThat(mistakes(request)).first()
            .extracting(Mistake::message)
            .isEqualTo("There is no model 'bass'; known models: base.");
    }

    @Test
    void shouldReportAPluginThatCannotBeMadeAmongTheOtherMistakes() {
        PluginRegistry plugins = TestCatalogs.plugins(new Plugin() {
            @Override
            public List<ScheduleFactory> schedules() {
                return List.of(new ScheduleFactory() {
                    @Override
                    public String name() {
                        return "licensed";
                    }

                    @Override
                    public String description() {
                        return "Fails to start.";
                    }

                    @Override
                    public Schedule create(PluginConfig config) {
                        throw new IllegalStateException("no licence");
                    }
                });
            }
        });
        assertThat(mistakes(plugins,
                withD3s("{\"tokens\": {\"keep\": 0, \"schedule\": {\"name\": \"licensed\"}}, \"steps\": 0}")))
            .satisfiesExactly(keep -> assertThat(keep.param()).isEqualTo("method.reinforcement.d3s.tokens.keep"),
                    schedule -> {
                        assertThat(schedule.param()).isEqualTo("method.reinforcement.d3s.tokens.schedule.name");
                        assertThat(schedule.code()).isEqualTo("plugin_failed");
                        assertThat(schedule.message()).contains("'licensed'", "no licence");
                    }, steps -> assertThat(steps.param()).isEqualTo("method.reinforcement.d3s.steps"));
    }

    @Test
    void shouldReportARefusedTemplateAmongTheOtherMistakes() {
        ObjectNode request = withD3s("{\"rollouts\": {\"selector\": \"best\"}}");
        request.withObject("/method/reinforcement/grader").put("input", "{{x}}");
        assertThat(mistakes(request)).extracting(Mistake::param, Mistake::code)
            .containsExactly(tuple("method.reinforcement.grader.input", "invalid_config"),
                    tuple("method.reinforcement.d3s.rollouts.selector", "unknown_plugin"));
    }

    @Test
    void shouldWantAGraderAValidationFileAndOneMethod() {
        ObjectNode request = TestServer
            .json("{\"model\": \"base\", \"training_file\": \"file-1\", \"method\": {\"reinforcement\": {}}}");
        assertThat(mistakes(request)).extracting(Mistake::param).containsExactly("method.reinforcement.grader");
        assertThat(mistakes(withD3s("{\"evaluation\": {\"interval\": 5}}"))).extracting(Mistake::param)
            .containsExactly("validation_file");
        ObjectNode both = reinforcement();
        both.withObject("/method/supervised");
        assertThat(mistakes(both)).extracting(Mistake::param).containsExactly("method.supervised");
        ObjectNode preference = reinforcement();
        preference.withObject("/method").put("type", "dpo");
        assertThat(mistakes(preference)).extracting(Mistake::message)
            .containsExactly("'method.type' must be one of supervised, reinforcement, not \"dpo\".");
    }

    @Test
    void shouldWantTheEssentials() {
        assertThat(mistakes(TestServer.json("{}"))).extracting(Mistake::param)
            .containsExactly("model",
                    "training_file");
        assertThatExceptionOfType(InvalidRequestException.class)
            .isThrownBy(() -> read(TestServer.JSON.getNodeFactory().textNode("x")))
            .withMessageContaining("must be a JSON object");
        ObjectNode request = reinforcement();
        request.put("suffix", "no spaces").put("seed", -1).putObject("metadata").put("n", 1);
        assertThat(mistakes(request)).extracting(Mistake::param).containsExactly("seed", "suffix", "metadata");
    }
}

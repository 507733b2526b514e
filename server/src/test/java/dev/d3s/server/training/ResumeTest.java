package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.model.MemoryWeights;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.SafeTensors;
import dev.d3s.server.model.TensorType;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.StatefulSelector;

/** A run that was stopped and goes on from its checkpoint ends with the bits of a run that was not. */
class ResumeTest {
    private static final int STEPS = 6;
    private static final int STOP_AFTER = 3;

    @TempDir
    Path directory;

    private ShortRuns runs;

    @BeforeEach
    void write() throws IOException {
        runs = new ShortRuns(directory);
    }

    /** How a run is started: from its model, or from a checkpoint. */
    private interface Request {
        TrainingRequest from(@Nullable Path checkpoint);
    }

    private RecordingObserver shouldEndAlike(Request request, RefreshMode mode) throws Exception {
        return shouldEndAlike(new TestPlugins().registry(), request, mode);
    }

    private RecordingObserver shouldEndAlike(PluginRegistry plugins, Request request, RefreshMode mode)
            throws Exception {
        FixedRefresh engines = new FixedRefresh(mode);
        Training training = new EngineTraining(engines, plugins);
        RecordingObserver whole = new RecordingObserver(directory.resolve("whole"));
        TrainingTotals totals = training.run(request.from(null), whole);

        RecordingObserver first = new RecordingObserver(directory.resolve("first")).stopAfter(STOP_AFTER);
        assertThatThrownBy(() -> training.run(request.from(null), first)).isInstanceOf(TrainingStopped.class);
        RecordingObserver rest = new RecordingObserver(directory.resolve("rest"));
        TrainingTotals resumed = training.run(request.from(first.checkpoint(STOP_AFTER)), rest);

        assertThat(engines.resumed()).containsExactly(mode);
        assertThat(whole.reports).extracting(StepReport::step).containsExactly(-1, 0, 1, 2, 3, 4, 5);
        assertThat(first.reports).extracting(StepReport::step).containsExactly(-1, 0, 1, 2);
        List<StepReport> parts = new ArrayList<>(first.reports);
        parts.addAll(rest.reports);
        assertThat(timeless(parts)).isEqualTo(timeless(whole.reports));
        assertThat(resumed).isEqualTo(totals);
        List<String> files = new ArrayList<>(
                List.of("model.safetensors", "trainer/optimizer.safetensors", "trainer/training_state.json"));
        if (ModelDirectory.weightType(runs.model) != TensorType.F32) {
            files.add("trainer/model.safetensors");
        }
        for (String file : files) {
            assertThat(rest.checkpoint(STEPS).resolve(file)).as(file)
                .hasSameBinaryContentAs(whole.checkpoint(STEPS).resolve(file));
        }
        assertThat(Files.mismatch(first.checkpoint(STOP_AFTER).resolve("model.safetensors"),
                whole.checkpoint(STEPS).resolve("model.safetensors")))
            .as("the second half trains too")
            .isNotNegative();
        return whole;
    }

    /** Everything but time. */
    private static List<Map<String, Double>> timeless(List<StepReport> reports) {
        List<Map<String, Double>> timeless = new ArrayList<>();
        for (StepReport report : reports) {
            Map<String, Double> metrics = new LinkedHashMap<>(report.metrics());
            metrics.keySet().removeIf(name -> name.startsWith("seconds_") || name.equals("tokens_per_second"));
            metrics.put("step", (double) report.step());
            timeless.add(metrics);
        }
        return timeless;
    }

    @Test
    void shouldResumeASupervisedRunBitForBit() throws Exception {
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.supervised(STEPS, checkpoint),
                RefreshMode.IN_PLACE);
        assertThat(whole.series(Metric.LOSS)).doesNotHaveDuplicates();
    }

    @Test
    void shouldResumeAReinforcementRunBitForBit() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS).build();
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        assertThat(whole.series(Metric.SKIPPED)).containsOnly(0.0);
        assertThat(whole.series(Metric.REWARD_MEAN)).doesNotHaveDuplicates();
    }

    @Test
    void shouldResumeARunThatSamplesInEvaluation() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS)
            .evaluation(new SampledSettings(3, List.of(1, 3), 0.5))
            .build();
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        assertThat(whole.reports.stream().map(report -> report.metrics().get("avg_at_3")).filter(Objects::nonNull))
            .hasSize(4)
            .doesNotHaveDuplicates();
    }

    /** The checkpoint is a rounded model; what the run goes on from is not. */
    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void shouldSaveInTheSourcesFormatAndStillResumeBitForBit(TensorType type) throws Exception {
        ModelConfig config = ModelDirectory.config(runs.model);
        try (MemoryWeights weights = ModelDirectory.weights(runs.model, config)) {
            ModelDirectory.write(runs.model, config, weights, type, runs.model);
        }

        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.supervised(STEPS, checkpoint),
                RefreshMode.IN_PLACE);

        Path end = whole.checkpoint(STEPS);
        assertThat(ModelDirectory.check(end)).isEmpty();
        assertThat(ModelDirectory.weightType(end)).isEqualTo(type);
        assertThat(Files.size(end.resolve("model.safetensors")))
            .isLessThan(Files.size(end.resolve("trainer/model.safetensors")) * 6 / 10);
        Path rounded = directory.resolve("rounded");
        try (MemoryWeights exact = ModelDirectory.weights(end.resolve("trainer"), config)) {
            ModelDirectory.write(rounded, config, exact, type, runs.model);
        }
        assertThat(end.resolve("model.safetensors"))
            .hasSameBinaryContentAs(rounded.resolve("model.safetensors"));
    }

    @ParameterizedTest
    @EnumSource(names = {"GRPO", "GSPO"})
    void shouldResumeSeveralUpdatesPerStepBitForBit(ObjectiveSettings.Name objective) throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS).objective(objective, 0.05, 2).updates(2, 2).build();
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        assertThat(whole.series(Metric.UPDATES)).containsOnly(4.0);
        assertThat(whole.series(Metric.POLICY_VERSION)).containsExactly(4.0, 8.0, 12.0, 16.0, 20.0, 24.0);
        assertThat(whole.series(Metric.RATIO_MAX)).allSatisfy(ratio -> assertThat(ratio).isGreaterThan(1));
    }

    @Test
    void shouldKeepTheStartingModelAsReferencePolicy() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS)
            .objective(ObjectiveSettings.Name.GRPO, 0.05, 2)
            .build();
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.RECREATE);
        List<Double> kl = whole.series(Metric.KL);
        assertThat(kl.getFirst()).as("the policy is its own reference at first").isLessThan(1e-8);
        assertThat(kl.get(STOP_AFTER)).as("and not after having gone on from a checkpoint").isGreaterThan(1e-5);
    }

    @Test
    void shouldResumeAdaptersBitForBitWithTheModelAsReferencePolicy() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS)
            .objective(ObjectiveSettings.Name.GRPO, 0.05, 2)
            .optimizer(Runs.optimizer(1e-2, 1, 0.5))
            .policy(new PolicySettings(Precision.FP32, LoraSettings.of(4, 8)))
            .build();
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        List<Double> kl = whole.series(Metric.KL);
        assertThat(kl.getFirst()).as("the policy is its own reference at first").isLessThan(1e-8);
        assertThat(kl.get(STOP_AFTER)).as("and not after having gone on from a checkpoint").isGreaterThan(1e-5);
        Path adapter = whole.checkpoint(STEPS).resolve("adapter");
        try (SafeTensors tensors = SafeTensors.open(adapter.resolve("adapter_model.safetensors"))) {
            assertThat(tensors.names()).hasSize(2 * 7 * ModelDirectory.config(runs.model).layers())
                .contains("base_model.model.model.layers.0.mlp.gate_proj.lora_B.weight");
        }
        assertThat(adapter.resolve("adapter_config.json")).content().contains("\"r\" : 4", "\"lora_alpha\" : 8");
    }

    @Test
    void shouldResumeBf16BitForBit() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS)
            .policy(new PolicySettings(Precision.BF16, null))
            .build();
        RecordingObserver whole = shouldEndAlike(checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        // the trainer's log-probabilities differ from the rollout engine's by the rounding of bf16, and by no more
        assertThat(whole.series(Metric.ENGINE_GAP_MEAN)).allSatisfy(gap -> assertThat(gap).isBetween(1e-5, 0.02));
    }

    /** Keeps one rollout more at each step, and says how many steps it has seen. */
    private static final class Growing implements RolloutSelector, StatefulSelector {
        private byte seen;

        @Override
        public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
            seen++;
            return RolloutSelection.of(IntStream.range(0, seen).toArray()).withMetrics(Map.of("seen", (double) seen));
        }

        @Override
        public byte[] saveState() {
            return new byte[]{seen};
        }

        @Override
        public void restoreState(byte[] state) {
            seen = state[0];
        }
    }

    @Test
    void shouldResumeASelectorWithState() throws Exception {
        PluginRegistry plugins = new TestPlugins().rolloutSelectors("growing", Growing::new).registry();
        ReinforcementSettings settings = ShortRuns.settings(STEPS).rollouts(PluginChoice.of("growing")).build();
        RecordingObserver whole = shouldEndAlike(plugins, checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        assertThat(whole.series(Metric.KEPT_ROLLOUTS)).containsExactly(1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
        assertThat(whole.reports).filteredOn(report -> report.step() >= 0)
            .extracting(report -> report.metrics().get("rollout_selector_seen"))
            .containsExactly(1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    }

    @Test
    void shouldResumeTheChoiceBetweenIntraAndCross() throws Exception {
        // seldom right, so that some groups are degenerate
        PluginRegistry plugins = new TestPlugins()
            .grader("begins", input -> input.completion().matches("[1-3].*") ? 1 : 0)
            .registry();
        PluginChoice auto = new PluginChoice("d3s-auto", Map.of("low", 0.15, "high", 0.2, "smoothing", 0.5));
        ReinforcementSettings settings = ShortRuns.settings(STEPS).rollouts(auto).grader("begins", 10).build();
        RecordingObserver whole = shouldEndAlike(plugins, checkpoint -> runs.reinforcement(settings, checkpoint),
                RefreshMode.IN_PLACE);
        for (String name : List.of("rollout_selector_informative_group_ratio", "rollout_selector_intra")) {
            assertThat(whole.reports.stream()
                .filter(report -> report.step() >= 0)
                .map(report -> report.metrics().get(name))
                .distinct()).as(name).doesNotContainNull().hasSizeGreaterThan(1);
        }
    }

    @Test
    void shouldNotGoOnWithASelectorThatForgot() throws Exception {
        ReinforcementSettings settings = ShortRuns.settings(STEPS).rollouts(PluginChoice.of("growing")).build();
        RecordingObserver first = new RecordingObserver(directory.resolve("first")).stopAfter(STOP_AFTER);
        Training remembering = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE),
                new TestPlugins().rolloutSelectors("growing", Growing::new).registry());
        assertThatThrownBy(() -> remembering.run(runs.reinforcement(settings), first))
            .isInstanceOf(TrainingStopped.class);
        Training forgetful = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE),
                new TestPlugins().rolloutSelector("growing", (batch, ratio, seed) -> RolloutSelection.of(0))
                    .registry());
        assertThatThrownBy(
                () -> forgetful.run(runs.reinforcement(settings, first.checkpoint(STOP_AFTER)),
                        new RecordingObserver(directory.resolve("rest"))))
            .hasMessageContaining("install the version of the plugin that the job began with");
    }

    @Test
    void shouldSaveWhatItHasWhenStoppedWhileGenerating() throws Exception {
        RecordingObserver whole = new RecordingObserver(directory.resolve("whole"));
        ReinforcementSettings settings = ShortRuns.settings(STEPS).build();
        Training training = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), new TestPlugins().registry());
        TrainingTotals totals = training.run(runs.reinforcement(settings), whole);

        AtomicBoolean stop = new AtomicBoolean();
        RecordingObserver first = new RecordingObserver(directory.resolve("first")).stopWhen(stop::get);
        // reports are written between steps, so a grader that runs inside one may read them
        RewardFunction stopping = input -> {
            if (first.reports.size() == 1 + STOP_AFTER) {
                stop.set(true);
            }
            return TestPlugins.DIGITS.score(input);
        };
        Training stopped = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE),
                new TestPlugins().grader("stopping", stopping).registry());
        assertThatThrownBy(() -> stopped.run(
                runs.reinforcement(ShortRuns.settings(STEPS).grader("stopping", 10).build()), first))
            .isInstanceOf(TrainingStopped.class);
        // the stop is seen while the step still generates, or between its end and the next step
        int completed = (int) first.reports.stream().filter(report -> report.step() >= 0).count();
        assertThat(completed).isBetween(STOP_AFTER, STOP_AFTER + 1);

        RecordingObserver rest = new RecordingObserver(directory.resolve("rest"));
        assertThat(training.run(runs.reinforcement(settings, first.checkpoint(completed)), rest)).isEqualTo(totals);
        assertThat(rest.checkpoint(STEPS).resolve("model.safetensors"))
            .hasSameBinaryContentAs(whole.checkpoint(STEPS).resolve("model.safetensors"));
    }
}

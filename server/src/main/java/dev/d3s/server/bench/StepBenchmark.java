package dev.d3s.server.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.ServiceLoader;
import java.util.concurrent.atomic.AtomicLong;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.advantage.Scale;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.JobMemory;
import dev.d3s.server.planning.MemoryPlan;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.selection.Presets;
import dev.d3s.server.training.CheckpointSettings;
import dev.d3s.server.training.EngineTraining;
import dev.d3s.server.training.Engines;
import dev.d3s.server.training.EvaluationSettings;
import dev.d3s.server.training.Metric;
import dev.d3s.server.training.ObjectiveSettings;
import dev.d3s.server.training.OptimizerSettings;
import dev.d3s.server.training.PluginChoice;
import dev.d3s.server.training.RecordingSettings;
import dev.d3s.server.training.ReinforcementSettings;
import dev.d3s.server.training.SelectionSettings;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.TrainingObserver;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingStopped;
import dev.d3s.server.training.UpdateSettings;
import dev.d3s.server.training.Workloads;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;

/**
 * {@code ./d3s bench --model DIR}: whole D3S steps of one model, as a job would make them: 8 prompts, 8 rollouts each, 64 new
 * tokens, at the keep ratios that preset d3s has at its first step and half-way. Rewards are 0 and 1 by turns, since a model
 * may not know anything yet. No checkpoint is written. Runs in a process of its own, whose peak of memory is then its own.
 */
final class StepBenchmark {
    private static final int PROMPTS = 8;
    private static final int GROUP_SIZE = 8;
    private static final int MAX_TOKENS = 64;
    private static final int PROMPT_TOKENS = 64;
    private static final int STEPS = 2;
    private static final String REWARD = "by-turns";

    private final Path model;
    private final PrintStream out;

    StepBenchmark(Path model, PrintStream out) {
        this.model = model;
        this.out = out;
    }

    /** What is trained. */
    enum Mode {
        FULL, LORA, BF16;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        PolicySettings policy() {
            return switch (this) {
                case FULL -> PolicySettings.DEFAULT;
                case LORA -> new PolicySettings(Precision.FP32, LoraSettings.of(16, 32));
                case BF16 -> new PolicySettings(Precision.BF16, null);
            };
        }
    }

    /** In this process. */
    void run(Mode mode, Engines engines, int cores) throws IOException {
        NativeLibraries.prepare(NativeLibraries.userCache());
        Path data = Files.createTempFile("d3s-bench-", ".jsonl");
        try (PluginRegistry plugins = new PluginRegistry(plugins(), Duration.ofSeconds(30))) {
            ModelConfig config = ModelDirectory.config(model);
            int longest = writePrompts(data);
            ReinforcementSettings settings = settings(mode);
            MemoryPlanner.Outcome outcome = JobMemory.alone(cores)
                .plan(Workloads.of(config, settings, longest, 0, 0), EngineWishes.NONE);
            MemoryPlan plan = outcome.plan();
            out.printf(Locale.ROOT, "%n%s, %s: %.0f million parameters, %d prompts x %d rollouts x %d new tokens%n",
                    model.getFileName(), mode.word(), ParameterLayout.parameterCount(config) * 1e-6, PROMPTS,
                    GROUP_SIZE, MAX_TOKENS);
            if (outcome.refusal() != null) {
                out.println(outcome.refusal());
                return;
            }
            out.println(plan.settings());
            plan.phases().forEach((phase, uses) -> {
                out.printf(Locale.ROOT, "  %-8s %10s ", phase.name().toLowerCase(Locale.ROOT),
                        MemoryPlanner.size(plan.total(phase)));
                uses.forEach(use -> out.printf(Locale.ROOT, " %s %s;", use.name(), MemoryPlanner.size(use.bytes())));
                out.println();
            });
            new EngineTraining(engines, plugins).run(
                    new TrainingRequest(7, model, data, null, null, settings, plan.settings()), new Printer(mode));
            long peak = peak().orElse(0);
            out.printf(Locale.ROOT, "peak of memory: %s measured, %s predicted%n", MemoryPlanner.size(peak),
                    MemoryPlanner.size(plan.peak()));
            out.printf(Locale.ROOT, "%s_peak_bytes=%d%n%s_predicted_peak_bytes=%d%n", mode.word(), peak, mode.word(),
                    plan.peak());
        } catch (TrainingStopped e) {
            throw new IllegalStateException("Nobody asked to stop", e);
        } finally {
            Files.deleteIfExists(data);
        }
    }

    /** Each mode in a child process; @return whether all went well */
    boolean runChildren(List<Mode> modes) throws IOException {
        ProcessHandle.Info self = ProcessHandle.current().info();
        String[] arguments = self.arguments()
            .orElseThrow(() -> new IllegalStateException("This process does not know how it was started."));
        List<String> command = new ArrayList<>(List.of(self.command().orElse("java")));
        command.addAll(List.of(arguments).subList(0, List.of(arguments).indexOf("bench") + 1));
        boolean well = true;
        for (Mode mode : modes) {
            List<String> child = new ArrayList<>(command);
            child.addAll(List.of("--model", model.toString(), "--only", mode.word()));
            try {
                int code = new ProcessBuilder(child).inheritIO().start().waitFor();
                if (code != 0) {
                    out.println(mode.word() + ": the process ended with " + code);
                    well = false;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return well;
    }

    /** Rows of about as many tokens; returns the length of the longest. */
    private int writePrompts(Path file) throws IOException {
        ObjectMapper json = new ObjectMapper();
        int longest = 0;
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model)) {
            List<String> rows = new ArrayList<>();
            for (int row = 0; row < PROMPTS * STEPS; row++) {
                StringBuilder text = new StringBuilder("Question " + row + ":");
                for (int word = 0; tokenizer.encode(text.toString()).length < PROMPT_TOKENS; word++) {
                    text.append(" what is ").append(row * 37 + word * 11).append(" plus ").append(word).append("?");
                }
                longest = Math.max(longest, tokenizer.encode(text.toString()).length);
                rows.add(json.writeValueAsString(Map.of("prompt", text.toString())));
            }
            Files.write(file, rows);
        }
        return longest;
    }

    private static ReinforcementSettings settings(Mode mode) {
        SelectionSettings rollouts = SelectionSettings.of(Presets.named("d3s").rollouts());
        SelectionSettings tokens = SelectionSettings.of(Presets.named("d3s").tokens());
        return new ReinforcementSettings("d3s", STEPS, PROMPTS, GROUP_SIZE, MAX_TOKENS, 1, Scale.GROUP, 1e-6,
                half(rollouts), half(tokens), ReinforcementSettings.TokenNorm.KEPT,
                ReinforcementSettings.EntropySource.ROLLOUT,
                new ObjectiveSettings(ObjectiveSettings.Name.GRPO, 0.2, 0.28, 0, 2), UpdateSettings.ONCE,
                PluginChoice.of(REWARD), 30, mode.policy(),
                new OptimizerSettings(1e-6, OptimizerSettings.Decay.CONSTANT, 0, 0, 0, 1, 0.9, 0.999, 1e-8),
                new EvaluationSettings(0, 1), CheckpointSettings.every(0), new RecordingSettings(0, 1));
    }

    /** From the preset's first ratio to what its schedule reaches half-way. */
    private static SelectionSettings half(SelectionSettings level) {
        return new SelectionSettings(level.selector(), level.keepFrom(), (level.keepFrom() + level.keepTo()) / 2,
                level.schedule());
    }

    private static List<Plugin> plugins() {
        List<Plugin> plugins = new ArrayList<>();
        ServiceLoader.load(Plugin.class).forEach(plugins::add);
        plugins.add(new Rewards());
        return plugins;
    }

    /** Most memory that this process has had. */
    static OptionalLong peak() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status"))
                .stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /** Prints what each step took. */
    private final class Printer implements TrainingObserver {
        private final Mode mode;

        Printer(Mode mode) {
            this.mode = mode;
        }

        @Override
        public boolean stopRequested() {
            return false;
        }

        @Override
        public void message(String text) {
            out.println("  " + text);
        }

        @Override
        public void report(StepReport report) {
            if (report.step() < 0) {
                return;
            }
            double generated = PROMPTS * GROUP_SIZE * metric(report, Metric.COMPLETION_LENGTH_MEAN);
            double rollout = metric(report, Metric.SECONDS_ROLLOUT);
            double update = metric(report, Metric.SECONDS_UPDATE);
            out.printf(Locale.ROOT,
                    "  step %d: kept %.0f rollouts, %.0f tokens; rollout %.1f s (%.0f tokens/s), update %.1f s "
                            + "(%.0f computed tokens/s), refresh %.1f s%n",
                    report.step(), metric(report, Metric.KEPT_ROLLOUTS), metric(report, Metric.KEPT_TOKENS), rollout,
                    generated / rollout, update, metric(report, Metric.COMPUTED_TOKENS) / update,
                    metric(report, Metric.SECONDS_REFRESH));
            for (Metric each : new Metric[]{Metric.SECONDS_ROLLOUT, Metric.SECONDS_UPDATE, Metric.SECONDS_REFRESH,
                    Metric.TOKENS_PER_SECOND}) {
                out.printf(Locale.ROOT, "%s_step_%d_%s=%.6g%n", mode.word(), report.step(), each.key(),
                        metric(report, each));
            }
        }

        private double metric(StepReport report, Metric metric) {
            @Nullable
            Double value = report.metrics().get(metric.key());
            return value == null ? 0 : value;
        }

        @Override
        public void checkpoint(int completedSteps, Map<String, Double> metrics, CheckpointContent content) {
            // a step is measured, not a disk
        }
    }

    /** 0 and 1 by turns. */
    private static final class Rewards implements Plugin {
        private final AtomicLong graded = new AtomicLong();

        @Override
        public List<RewardFunctionFactory> rewardFunctions() {
            return List.of(new RewardFunctionFactory() {
                @Override
                public String name() {
                    return REWARD;
                }

                @Override
                public String description() {
                    return "0 and 1 by turns";
                }

                @Override
                public RewardFunction create(PluginConfig config) {
                    return input -> graded.getAndIncrement() % 2;
                }
            });
        }
    }
}

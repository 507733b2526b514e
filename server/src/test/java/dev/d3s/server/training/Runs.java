package dev.d3s.server.training;

import java.nio.file.Path;
import java.util.Map;

import dev.d3s.server.advantage.Scale;
import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.selection.Preset;
import dev.d3s.server.selection.Presets;
import dev.d3s.server.wiring.OnnxTorchEngines;

/** Settings and engines for tests that train the arithmetic policy. */
final class Runs {
    static final int MAX_TOKENS = 34;

    private Runs() {}

    static Training training() {
        return new EngineTraining(new OnnxTorchEngines(Runtime.getRuntime().availableProcessors()),
                PluginRegistry.discover(null));
    }

    static PluginChoice mathGrader() {
        return new PluginChoice("math",
                Map.of("input", "{{sample.output_text}}", "reference", "{{item.answer}}"));
    }

    static OptimizerSettings optimizer(double learningRate, int warmupSteps, double finalRatio) {
        return new OptimizerSettings(learningRate, OptimizerSettings.Decay.LINEAR, finalRatio, warmupSteps, 0, 1, 0.9,
                0.999, 1e-8);
    }

    static SupervisedSettings supervised(int steps) {
        return new SupervisedSettings(steps, 32, MAX_TOKENS, PolicySettings.DEFAULT, optimizer(3e-3, 10, 0),
                new EvaluationSettings(0, 256), CheckpointSettings.every(0), mathGrader());
    }

    static ReinforcementSettings reinforcement(String presetName, int steps, PluginChoice grader) {
        return reinforcement(presetName, steps, grader, PolicySettings.DEFAULT, 2e-4);
    }

    static ReinforcementSettings reinforcement(String presetName, int steps, PluginChoice grader,
            PolicySettings policy, double learningRate) {
        Preset preset = Presets.named(presetName);
        return new ReinforcementSettings(presetName, steps, 16, 16, MAX_TOKENS, 1, Scale.GROUP, 1e-6,
                SelectionSettings.of(preset.rollouts()), SelectionSettings.of(preset.tokens()),
                ReinforcementSettings.TokenNorm.KEPT,
                ReinforcementSettings.EntropySource.ROLLOUT,
                new ObjectiveSettings(ObjectiveSettings.Name.GRPO, 0.2, 0.28, 0, 2), UpdateSettings.ONCE, grader, 10,
                policy, optimizer(learningRate, 5, 0.1), new EvaluationSettings(4, 256), CheckpointSettings.every(0),
                new RecordingSettings(0, 1));
    }

    static TrainingRequest supervised(Path model, ArithmeticTask.TaskFiles files, int steps) {
        return new TrainingRequest(7, model, files.supervised(), files.heldOut(), null, supervised(steps));
    }

    static TrainingRequest reinforcement(Path model, ArithmeticTask.TaskFiles files, TrainingSettings settings) {
        return new TrainingRequest(7, model, files.train(), files.heldOut(), null, settings);
    }
}

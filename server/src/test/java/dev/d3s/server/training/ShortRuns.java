package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.advantage.Scale;
import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.selection.Presets;

/** A small arithmetic policy with random weights, and runs of a few steps that reward digits. */
final class ShortRuns {
    static final int PROMPTS = 4;
    static final int GROUP_SIZE = 6;
    static final int ROLLOUTS = PROMPTS * GROUP_SIZE;
    private static final long SEED = 11;

    final Path model;
    final ArithmeticTask.TaskFiles files;

    ShortRuns(Path directory) throws IOException {
        model = directory.resolve("base");
        ExampleModels.arithmetic(model, 7);
        files = ArithmeticTask.write(directory.resolve("data"), 7, 400, 400, 16);
    }

    TrainingRequest supervised(int steps, @Nullable Path resumeFrom) {
        return new TrainingRequest(SEED, model, files.supervised(), files.heldOut(), resumeFrom,
                new SupervisedSettings(steps, 8, Runs.MAX_TOKENS, PolicySettings.DEFAULT, Runs.optimizer(3e-3, 2, 0),
                        new EvaluationSettings(2, 16), CheckpointSettings.every(0), Runs.mathGrader()));
    }

    TrainingRequest reinforcement(ReinforcementSettings settings) {
        return reinforcement(settings, null);
    }

    TrainingRequest reinforcement(ReinforcementSettings settings, @Nullable Path resumeFrom) {
        return new TrainingRequest(SEED, model, files.train(), files.heldOut(), resumeFrom, settings);
    }

    /** The settings of a run, to be changed one by one. */
    static Settings settings(int steps) {
        return new Settings(steps);
    }

    /** {@link ReinforcementSettings} with defaults: preset d3s on 4 groups of 6, an evaluation every other step. */
    static final class Settings {
        private final int steps;
        private Scale scale = Scale.GROUP;
        private double minRange = 1e-6;
        private double temperature = 1;
        private SelectionSettings rollouts = SelectionSettings.of(Presets.named("d3s").rollouts());
        private SelectionSettings tokens = SelectionSettings.of(Presets.named("d3s").tokens());
        private ReinforcementSettings.TokenNorm norm = ReinforcementSettings.TokenNorm.KEPT;
        private ReinforcementSettings.EntropySource entropy = ReinforcementSettings.EntropySource.ROLLOUT;
        private ObjectiveSettings objective = new ObjectiveSettings(ObjectiveSettings.Name.GRPO, 0.2, 0.28, 0, 2);
        private UpdateSettings updates = UpdateSettings.ONCE;
        private PluginChoice grader = PluginChoice.of(TestPlugins.DIGITS_NAME);
        private double graderSeconds = 10;
        private PolicySettings policy = PolicySettings.DEFAULT;
        private OptimizerSettings optimizer = Runs.optimizer(1e-3, 1, 0.5);
        private EvaluationSettings evaluation = new EvaluationSettings(2, 16);
        private RecordingSettings recording = new RecordingSettings(0, 1);

        private Settings(int steps) {
            this.steps = steps;
        }

        Settings scale(Scale value) {
            scale = value;
            return this;
        }

        Settings minRange(double value) {
            minRange = value;
            return this;
        }

        Settings temperature(double value) {
            temperature = value;
            return this;
        }

        Settings rollouts(PluginChoice selector) {
            rollouts = new SelectionSettings(selector, rollouts.keepFrom(), rollouts.keepTo(), rollouts.schedule());
            return this;
        }

        Settings tokens(PluginChoice selector) {
            tokens = new SelectionSettings(selector, tokens.keepFrom(), tokens.keepTo(), tokens.schedule());
            return this;
        }

        Settings norm(ReinforcementSettings.TokenNorm value) {
            norm = value;
            return this;
        }

        Settings entropy(ReinforcementSettings.EntropySource value) {
            entropy = value;
            return this;
        }

        Settings objective(ObjectiveSettings.Name name, double klBeta, double importanceCap) {
            objective = new ObjectiveSettings(name, name.defaultClipLow(), name.defaultClipHigh(), klBeta,
                    importanceCap);
            return this;
        }

        Settings updates(int iterations, int miniBatches) {
            updates = new UpdateSettings(iterations, miniBatches);
            return this;
        }

        Settings grader(String name, double seconds) {
            grader = PluginChoice.of(name);
            graderSeconds = seconds;
            return this;
        }

        Settings policy(PolicySettings value) {
            policy = value;
            return this;
        }

        Settings optimizer(OptimizerSettings value) {
            optimizer = value;
            return this;
        }

        /** Every other step on 16 rows, with sampled completions too. */
        Settings evaluation(SampledSettings sampled) {
            evaluation = new EvaluationSettings(2, 16, sampled, 1);
            return this;
        }

        Settings recording(int interval, int groups) {
            recording = new RecordingSettings(interval, groups);
            return this;
        }

        ReinforcementSettings build() {
            return new ReinforcementSettings("d3s", steps, PROMPTS, GROUP_SIZE, Runs.MAX_TOKENS, temperature, scale,
                    minRange, rollouts, tokens, norm, entropy, objective, updates, grader, graderSeconds, policy,
                    optimizer, evaluation, CheckpointSettings.every(0), recording);
        }
    }
}

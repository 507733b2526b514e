package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.function.IntToDoubleFunction;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.dataset.RowEncoder;
import dev.d3s.server.dataset.RowKind;
import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.ChatTemplate;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.StoredWeights;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.LivePolicies;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.selection.KeepRatio;
import dev.d3s.server.selection.RolloutLevel;
import dev.d3s.server.selection.TokenLevel;
import dev.d3s.spi.RewardFunction;

/**
 * Opens what a run needs, in the order in which the parts depend on each other, runs its loop, and closes everything in
 * reverse order, however the run ends. On the caller's thread, one run at a time.
 */
public final class EngineTraining implements Training {
    /** Scorings at once: graders mostly wait for something else. */
    private static final int GRADING_CONCURRENCY = 64;
    private static final ServingLimits NO_CLIENTS = new ServingLimits(1, 1, 1, 0);
    /** How long clients of the policy may take to come to their end when the run has come to its own. */
    private static final Duration LAST_CLIENTS = Duration.ofSeconds(60);
    private static final Duration SUPERVISED_GRADING_LIMIT = Duration.ofSeconds(30);

    private final Engines engines;
    private final PluginRegistry plugins;
    private final LivePolicies policies;

    public EngineTraining(Engines engines, PluginRegistry plugins) {
        this(engines, plugins, new LivePolicies(NO_CLIENTS));
    }

    /** @param policies where clients find the policies that are being trained */
    public EngineTraining(Engines engines, PluginRegistry plugins, LivePolicies policies) {
        this.engines = engines;
        this.plugins = plugins;
        this.policies = policies;
    }

    @Override
    public TrainingTotals run(TrainingRequest request, TrainingObserver observer) throws TrainingStopped, IOException {
        Path checkpoint = request.resumeFrom();
        TrainingState start = checkpoint == null ? TrainingState.START : TrainingState.read(checkpoint);
        if (checkpoint != null) {
            observer.message("Continuing after step " + (start.completedSteps() - 1) + ".");
        }
        EngineTraining planned = planned(request, observer);
        try {
            return switch (request.settings()) {
                case ReinforcementSettings settings -> planned.reinforcement(request, settings, start, observer);
                case SupervisedSettings settings -> planned.supervised(request, settings, start, observer);
            };
        } catch (CancellationException e) {
            // while the run was still opening what it needs
            throw new TrainingStopped(e);
        }
    }

    /** With engines that use the machine as it was planned for this run, and stop when it is to. */
    private EngineTraining planned(TrainingRequest request, TrainingObserver observer) {
        EngineSettings settings = request.engines();
        Engines mine = engines.until(observer::stopRequested);
        return new EngineTraining(settings == null ? mine : mine.with(settings), plugins, policies);
    }

    private TrainingTotals reinforcement(TrainingRequest request, ReinforcementSettings settings, TrainingState start,
            TrainingObserver observer) throws TrainingStopped, IOException {
        ModelConfig config = ModelDirectory.config(request.model());
        long completions = (long) settings.promptsPerStep() * settings.groupSize();
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(request.model());
                TokenizedDataset rows = TokenizedDataset.open(request.trainingFile(), RowKind.PROMPT,
                        encoder(request, tokenizer, config), settings.maxTokens(), request.seed());
                Grading grading = grading(request, settings.grader(),
                        Duration.ofNanos((long) (settings.graderTimeoutSeconds() * 1e9)));
                Policy policy = policy(request);
                @Nullable
                ReferencePolicy reference = reference(request, settings, policy)) {
            Prompts prompts = prompts(request, rows, rows.longestPrompt(), RowKind.PROMPT,
                    encoder(request, tokenizer, config), observer);
            try (RolloutEngine rolloutEngine = engines.rollouts(config, policy.weights(),
                    prompts.longest + settings.maxTokens(), completions * settings.maxTokens(),
                    refreshMode(start, observer))) {
                observer.refreshes(rolloutEngine.refreshMode());
                Evaluation evaluation = new Evaluation(prompts.evaluation, settings.evaluation(), request.seed(),
                        rolloutEngine, policy, tokenizer, grading, settings.maxTokens(), observer::stopRequested);
                SelectionSettings rollouts = settings.rollouts();
                SelectionSettings tokens = settings.tokens();
                KeepRatio keptRollouts = keepRatio(rollouts, settings.steps());
                KeepRatio keptTokens = keepRatio(tokens, settings.steps());
                RolloutLevel rolloutLevel = new RolloutLevel(
                        plugins.rolloutSelector(rollouts.selector().name(), rollouts.selector().config()),
                        keptRollouts, request.seed());
                TokenLevel tokenLevel = new TokenLevel(
                        plugins.tokenSelector(tokens.selector().name(), tokens.selector().config()),
                        keptTokens, request.seed());
                start.memory().restore(rolloutLevel, tokenLevel);
                observer.message("Rollout engine refreshes its weights " + switch (rolloutEngine.refreshMode()) {
                    case IN_PLACE -> "in place";
                    case RECREATE -> "by making its session anew";
                } + ".");
                RunProgress progress = new RunProgress(observer, policy, request.model(), settings, start,
                        rolloutEngine.refreshMode(), load(config, keptRollouts, keptTokens));
                ReinforcementTraining.Parts parts = new ReinforcementTraining.Parts(prompts.training, tokenizer,
                        rolloutEngine,
                        grading,
                        rolloutLevel, tokenLevel, policy, reference, evaluation);
                // Clients may sample from the policy, in the engine's own turns, until this run ends.
                try (LivePolicies.Entry served = policies.open(observer.policyNames(), request.model(), rolloutEngine,
                        policy::version, observer::newestCheckpoint)) {
                    served.announce(observer::message);
                    TrainingTotals totals = saved(progress,
                            () -> new ReinforcementTraining(settings, request.seed(), parts, progress, observer).run());
                    // Nobody is cut off: who is there is served to the end, who comes now is served by the checkpoint.
                    served.leave();
                    long until = System.nanoTime() + LAST_CLIENTS.toNanos();
                    rolloutEngine.finishServing(
                            () -> observer.stopRequested() || System.nanoTime() - until > 0);
                    return totals;
                }
            }
        }
    }

    private TrainingTotals supervised(TrainingRequest request, SupervisedSettings settings, TrainingState start,
            TrainingObserver observer) throws TrainingStopped, IOException {
        ModelConfig config = ModelDirectory.config(request.model());
        PluginChoice grader = settings.grader();
        RowKind evaluationKind = grader == null ? RowKind.PROMPT_AND_COMPLETION : RowKind.PROMPT;
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(request.model());
                TokenizedDataset rows = TokenizedDataset.open(request.trainingFile(), RowKind.PROMPT_AND_COMPLETION,
                        encoder(request, tokenizer, config), 0, request.seed());
                Grading grading = grader == null
                        ? new Grading("exact match", exactMatch(), GRADING_CONCURRENCY, SUPERVISED_GRADING_LIMIT)
                        : grading(request, grader, SUPERVISED_GRADING_LIMIT);
                Policy policy = policy(request)) {
            Prompts prompts = prompts(request, rows, 0, evaluationKind, encoder(request, tokenizer, config),
                    observer);
            try (RolloutEngine rolloutEngine = engines.rollouts(config, policy.weights(),
                    prompts.longest + settings.maxTokens(),
                    (long) settings.evaluation().samples() * (1 + settings.evaluation().sampled().n())
                            * settings.maxTokens(),
                    refreshMode(start, observer))) {
                observer.refreshes(rolloutEngine.refreshMode());
                Evaluation evaluation = new Evaluation(prompts.evaluation, settings.evaluation(), request.seed(),
                        rolloutEngine, policy, tokenizer, grading, settings.maxTokens(), observer::stopRequested);
                RunProgress progress = new RunProgress(observer, policy, request.model(), settings, start,
                        rolloutEngine.refreshMode(), step -> 1);
                return saved(progress,
                        () -> new SupervisedTraining(settings, policy, prompts.training, rolloutEngine, evaluation,
                                progress, observer)
                            .run());
            }
        }
    }

    /**
     * Runs a loop. Work that was abandoned, because the job is to stop or because the process ends and its engines know it
     * before the observer does, ends it like a stop between phases.
     */
    private static TrainingTotals saved(RunProgress progress, Loop loop) throws TrainingStopped, IOException {
        try {
            return loop.run();
        } catch (CancellationException e) {
            throw progress.stopped(e);
        }
    }

    private static @Nullable RefreshMode refreshMode(TrainingState start, TrainingObserver observer) {
        return start.refreshMode() == null ? observer.refreshMode() : start.refreshMode();
    }

    private interface Loop {
        TrainingTotals run() throws TrainingStopped, IOException;
    }

    private Policy policy(TrainingRequest request) throws IOException {
        Path checkpoint = request.resumeFrom();
        boolean adapters = request.settings().policy().lora() != null;
        ModelConfig config = ModelDirectory.config(checkpoint == null ? request.model() : checkpoint);
        // with adapters the model never changes, and a checkpoint has them apart from it
        Path start = checkpoint == null || adapters ? request.model() : TrainingState.exactWeights(checkpoint);
        try (StoredWeights weights = ModelDirectory.stored(start, config)) {
            Policy policy = engines.policy(config, weights, request.settings().policy(), request.seed());
            if (checkpoint != null) {
                loadOptimizer(policy, checkpoint);
            }
            return policy;
        }
    }

    private static void loadOptimizer(Policy policy, Path checkpoint) throws IOException {
        try {
            policy.loadOptimizer(TrainingState.trainerDirectory(checkpoint));
        } catch (IOException | RuntimeException e) {
            policy.close();
            throw e;
        }
    }

    /** The frozen starting policy, when the objective has a KL term. */
    private @Nullable ReferencePolicy reference(TrainingRequest request, ReinforcementSettings settings, Policy policy)
            throws IOException {
        if (settings.objective().klBeta() == 0) {
            return null;
        }
        ReferencePolicy shared = policy.withoutAdapter();
        if (shared != null) {
            return shared;
        }
        ModelConfig config = ModelDirectory.config(request.model());
        try (StoredWeights weights = ModelDirectory.stored(request.model(), config)) {
            return engines.reference(config, weights, settings.policy());
        }
    }

    private Grading grading(TrainingRequest request, PluginChoice grader, Duration limit) {
        return new Grading(grader.name(),
                plugins.rewardFunction(grader.name(), grader.config(), request.organization()), GRADING_CONCURRENCY,
                limit);
    }

    /** 1 when the completion's text is the row's own completion. */
    private static RewardFunction exactMatch() {
        return input -> input.completion()
            .strip()
            .equals(Objects.toString(input.item().get("completion"), "").strip()) ? 1 : 0;
    }

    /** Arithmetic of an update: kept rollouts go through the decoder, of them only kept tokens through the lm_head. */
    private static IntToDoubleFunction load(ModelConfig config, KeepRatio rollouts, KeepRatio tokens) {
        double decoder = config.decoderWeights();
        double head = (double) config.vocabularySize() * config.hiddenSize();
        return step -> rollouts.at(step) * (decoder + head * tokens.at(step));
    }

    private KeepRatio keepRatio(SelectionSettings level, int steps) {
        return new KeepRatio(plugins.schedule(level.schedule().name(), level.schedule().config()), level.keepFrom(),
                level.keepTo(), steps);
    }

    /**
     * The rows of a run. Their longest prompt bounds the rollout engine's slots: with a model's whole context there would be
     * room for few of them.
     *
     * @param longest tokens of the longest prompt in either
     */
    private record Prompts(TokenizedDataset training, List<TokenizedRow> evaluation, int longest) {}

    private static RowEncoder encoder(TrainingRequest request, Tokenizer tokenizer, ModelConfig config)
            throws IOException {
        return new RowEncoder(tokenizer, ChatTemplate.open(request.model()), config, request.model().toString());
    }

    /** @param longest tokens of the longest prompt that training generates after; 0 when it generates nothing */
    private static Prompts prompts(TrainingRequest request, TokenizedDataset training, int longest,
            RowKind evaluationKind, RowEncoder encoder, TrainingObserver observer) throws IOException {
        TrainingSettings settings = request.settings();
        Path file = request.validationFile();
        if (file == null) {
            return new Prompts(training, List.of(), Math.max(1, longest));
        }
        int longestOfAll = longest;
        try (TokenizedDataset validation = TokenizedDataset.open(file, evaluationKind, encoder, settings.maxTokens(),
                request.seed())) {
            List<TokenizedRow> evaluation = validation.first(settings.evaluation().samples());
            for (TokenizedRow row : evaluation) {
                longestOfAll = Math.max(longestOfAll, row.prompt().length);
            }
            int shared = training.overlap(validation);
            if (shared > 0 && request.resumeFrom() == null) {
                observer
                    .message("Warning: " + shared + " of " + validation.size() + " rows of the validation file have a"
                            + " prompt that is in the training file, too: what evaluations measure is partly memory.");
            }
            return new Prompts(training, evaluation, Math.max(1, longestOfAll));
        }
    }
}

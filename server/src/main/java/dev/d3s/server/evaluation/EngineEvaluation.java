package dev.d3s.server.evaluation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

import dev.d3s.server.dataset.RowEncoder;
import dev.d3s.server.dataset.RowKind;
import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.ChatTemplate;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.reward.Grades;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.spi.D3sException;

/**
 * Evaluates on the engines that serve completions: on base models, fine-tuned ones and checkpoints, also while a job trains.
 *
 * <p>
 * The dataset is walked in windows of {@value #WINDOW_COMPLETIONS} completions. Two windows are at work at a time, so that the
 * engine is not idle while one ends, and the completions of a prompt are graded as soon as they are there, while others are
 * still generated. What is in memory is two windows, whatever the dataset.
 *
 * <p>
 * A window's random numbers come from the plan's seed and from its first row: so rows come out alike whether or not an
 * evaluation was interrupted between two windows. Runs on the caller's thread and two of its own; closes what it opens.
 */
public final class EngineEvaluation implements ModelEvaluation {
    /** Completions that are generated and graded together. */
    static final int WINDOW_COMPLETIONS = 256;

    private static final int WINDOWS_AT_ONCE = 2;
    private static final int GRADING_CONCURRENCY = 64;

    private final Completions completions;
    private final PluginRegistry plugins;

    /** What is wanted of {@link dev.d3s.server.rollout.CompletionService}; called from two threads at once. */
    @FunctionalInterface
    public interface Completions {
        /** @throws CancellationException when the listener wanted no more */
        CompletionResult complete(CompletionRequest request, CompletionListener listener);
    }

    public EngineEvaluation(Completions completions, PluginRegistry plugins) {
        this.completions = completions;
        this.plugins = plugins;
    }

    @Override
    public void run(EvaluationPlan plan, int firstRow, EvaluationObserver observer) throws IOException {
        ModelConfig config = ModelDirectory.config(plan.model());
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(plan.model());
                TokenizedDataset rows = TokenizedDataset.open(plan.file(), RowKind.PROMPT,
                        new RowEncoder(tokenizer, ChatTemplate.open(plan.model()), config, plan.model().toString()),
                        plan.sampling().maxTokens(), 0);
                Grading grading = new Grading(plan.grader(),
                        plugins.rewardFunction(plan.grader(), plan.graderConfig(), plan.organization()),
                        GRADING_CONCURRENCY, plan.gradingLimit())) {
            new Run(plan, rows, grading, observer).from(firstRow);
        }
    }

    /** Rows of a window. */
    static int windowRows(EvaluationPlan plan) {
        return Math.max(1, WINDOW_COMPLETIONS / (plan.sampled().n() + (plan.greedy() ? 1 : 0)));
    }

    /** One evaluation. */
    private final class Run {
        private final EvaluationPlan plan;
        private final TokenizedDataset rows;
        private final Grading grading;
        private final EvaluationObserver observer;
        private final int end;
        private volatile boolean failed;

        Run(EvaluationPlan plan, TokenizedDataset rows, Grading grading, EvaluationObserver observer) {
            this.plan = plan;
            this.rows = rows;
            this.grading = grading;
            this.observer = observer;
            this.end = Math.min(plan.rows(), rows.size());
        }

        void from(int firstRow) {
            BooleanSupplier stopped = () -> failed || observer.stopRequested();
            int step = windowRows(plan);
            try (ExecutorService generating = Executors.newFixedThreadPool(WINDOWS_AT_ONCE,
                    Thread.ofPlatform().daemon().name("evaluate-", 0).factory())) {
                try {
                    List<Future<EvaluationWindow>> ahead = new ArrayList<>();
                    int next = firstRow;
                    while (next < end || !ahead.isEmpty()) {
                        while (next < end && ahead.size() < WINDOWS_AT_ONCE) {
                            int start = next;
                            next = Math.min(end, start + step);
                            int behind = next;
                            ahead.add(generating.submit(() -> generated(start, behind, stopped)));
                        }
                        EvaluationWindow window = result(ahead.removeFirst());
                        Grades grades = window.grading().awaitEach(stopped);
                        observer.rows(window.rows(grades));
                    }
                } finally {
                    failed = true; // lets the windows ahead end; closing the executor waits for them
                }
            }
        }

        /** On one of the two threads: everything generated, and handed to the grader. */
        private EvaluationWindow generated(int start, int behind, BooleanSupplier stopped) {
            if (stopped.getAsBoolean()) {
                throw new CancellationException("The evaluation was stopped.");
            }
            List<TokenizedRow> taken = new ArrayList<>();
            for (int row = start; row < behind; row++) {
                taken.add(rows.row(row));
            }
            List<CompletionRequest.Prompt> prompts = taken
                .stream().<CompletionRequest
                        .Prompt>map(row -> new CompletionRequest.Prompt.Tokens(row.prompt()))
                .toList();
            EvaluationWindow window = new EvaluationWindow(start, taken, plan.greedy(), plan.sampled().n(),
                    grading.begin(), stopped);
            SamplingSettings sampling = plan.sampling();
            if (plan.greedy()) {
                completions.complete(new CompletionRequest(plan.model(), prompts, 1,
                        SamplingSettings.greedy(sampling.maxTokens()), plan.stop()), window.greedyCompletions());
            }
            if (plan.sampled().n() > 0) {
                completions.complete(new CompletionRequest(plan.model(), prompts, plan.sampled().n(),
                        new SamplingSettings(sampling.maxTokens(), sampling.temperature(), sampling.topP(),
                                sampling.topK(), sampling.minP(), seed(sampling.seed(), start)),
                        plan.stop()), window.sampledCompletions());
            }
            return window;
        }
    }

    /** A window's prompts are numbered from 0 by the service, so each window has a seed of its own. */
    private static long seed(long seed, int start) {
        return RolloutIdentity.mix(seed ^ RolloutIdentity.mix(start + 0x5851F42D4C957F2DL));
    }

    private static EvaluationWindow result(Future<EvaluationWindow> window) {
        try {
            return window.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("Interrupted while waiting for completions");
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case D3sException known -> throw known;
                case RuntimeException other -> throw other;
                case Error error -> throw error;
                case null, default -> throw new IllegalStateException(e);
            }
        }
    }
}

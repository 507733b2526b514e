package dev.d3s.server.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.plugin.Plugins;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/** Evaluations over completions that a test decides about. */
class EngineEvaluationTest {
    private static final int ROWS = 100;

    @TempDir
    Path directory;

    private Path model;
    private Path file;

    @BeforeEach
    void write() throws IOException {
        model = directory.resolve("model");
        ExampleModels.arithmetic(model, 7);
        file = Files.writeString(directory.resolve("rows.jsonl"),
                IntStream.range(0, ROWS)
                    .mapToObj(row -> "{\"prompt\": \"" + row + "+1=\", \"answer\": " + (row + 1) + "}\n")
                    .collect(Collectors.joining()));
    }

    /** One letter per completion, drawn from the seed as an engine draws its tokens; each second one is cut off. */
    private static CompletionResult complete(CompletionRequest request, CompletionListener listener) {
        for (int choice = 0; choice < request.prompts().size() * request.n(); choice++) {
            if (listener.cancelled()) {
                throw new CancellationException();
            }
            say(request, choice, listener);
        }
        return new CompletionResult(List.of(), List.of(), new CompletionResult.Usage(0, 0), "weights");
    }

    private static void say(CompletionRequest request, int choice, CompletionListener listener) {
        long identity = RolloutIdentity.of(0, choice / request.n(), choice % request.n());
        boolean greedy = request.sampling().temperature() == 0;
        int letter = greedy ? 0 : (int) (4 * RolloutIdentity.uniform(request.sampling().seed(), identity, 0));
        for (String piece : List.of("<", String.valueOf((char) ('a' + letter)))) {
            listener.text(choice,
                    new CompletionResult.Piece(piece, new int[]{1}, List.of(piece), new float[1], List.of()));
        }
        listener.finished(choice, choice % 2 == 0 ? FinishReason.STOP : FinishReason.LENGTH);
    }

    private EngineEvaluation evaluation(EngineEvaluation.Completions completions, RewardFunction grader) {
        return new EngineEvaluation(completions,
                new PluginRegistry(List.of(new Plugins().rewardFunction("test", List.of(), config -> grader))));
    }

    private EvaluationPlan plan(int rows, boolean greedy, SampledSettings sampled) {
        return new EvaluationPlan(model, file, rows, greedy, sampled, new SamplingSettings(16, 1, 1, 0, 0, 7),
                List.of(), "test", Map.of(), Duration.ofSeconds(30), "d3s");
    }

    /** Keeps the rows and stops when it is told to. */
    private static final class Rows implements EvaluationObserver {
        final List<EvaluatedRow> rows = new ArrayList<>();
        final AtomicBoolean stop = new AtomicBoolean();
        int stopAfter = Integer.MAX_VALUE;

        @Override
        public boolean stopRequested() {
            return stop.get();
        }

        @Override
        public void rows(List<EvaluatedRow> more) {
            rows.addAll(more);
            stop.compareAndSet(false, rows.size() >= stopAfter);
        }
    }

    private static final SampledSettings FIVE = new SampledSettings(5, List.of(1, 5), 1);

    @Test
    void shouldHandOverEveryRowInOrder() throws IOException {
        Rows observer = new Rows();
        RewardFunction grader = input -> Long.valueOf(3).equals(input.item().get("answer"))
                ? Double.NaN
                : input.completion().equals("<a") ? 1 : 0.25;
        evaluation(EngineEvaluationTest::complete, grader).run(plan(ROWS + 1, true, FIVE), 0, observer);

        assertThat(observer.rows).hasSize(ROWS).extracting(EvaluatedRow::index).isSorted().doesNotHaveDuplicates();
        EvaluatedRow row = observer.rows.get(1);
        assertThat(row.line()).isEqualTo(2);
        assertThat(row.prompt()).isEqualTo("1+1=");
        assertThat(row.promptTokens()).isEqualTo(4);
        assertThat(row.item()).containsEntry("answer", 2L);
        assertThat(row.completions()).hasSize(6)
            .extracting(EvaluatedRow.Completion::greedy)
            .containsExactly(true, false, false, false, false, false);
        assertThat(row.completions().getFirst())
            .isEqualTo(new EvaluatedRow.Completion(true, "<a", 2, true, 1, null, Map.of()));
        assertThat(row.sampledRewards()).hasSize(5);
        assertThat(observer.rows.get(2).completions()).allSatisfy(one -> {
            assertThat(one.reward()).isNaN();
            assertThat(one.error()).contains("NaN");
        });

        // what comes out of it, computed from the rows by hand
        EvaluationSummary summary = new EvaluationSummary(FIVE);
        observer.rows.forEach(summary::add);
        EvaluationSummary.Figures figures = summary.figures();
        assertThat(figures.rows()).isEqualTo(ROWS);
        assertThat(figures.completions()).isEqualTo(6 * ROWS);
        assertThat(figures.ungraded()).isEqualTo(6);
        assertThat(figures.completionTokens()).isEqualTo(12 * ROWS);
        assertThat(figures.completionLengthMean()).isEqualTo(2);
        assertThat(figures.scores().get("accuracy")).isEqualTo(1);
        double mean = observer.rows.stream()
            .filter(one -> one.index() != 2)
            .flatMap(one -> one.completions().stream())
            .filter(one -> !one.greedy())
            .mapToDouble(EvaluatedRow.Completion::reward)
            .average()
            .orElseThrow();
        assertThat(mean).isBetween(0.3, 0.6);
        assertThat(figures.scores().get("avg_at_5")).isCloseTo(mean, within(1e-12));
        double any = observer.rows.stream()
            .filter(one -> one.index() != 2)
            .filter(one -> IntStream.range(0, 5).anyMatch(index -> one.sampledRewards()[index] == 1))
            .count() / (ROWS - 1.0);
        assertThat(figures.scores().get("pass_at_5")).isCloseTo(any, within(1e-12));
    }

    @Test
    void shouldKeepTheParts() throws IOException {
        RewardFunction grader = new RewardFunction() {
            @Override
            public double score(RewardInput input) {
                return grade(input).reward();
            }

            @Override
            public Grade grade(RewardInput input) {
                return new Grade(1, Map.of("tokens", (double) input.completionTokens(), "letter",
                        (double) input.completion().charAt(1) - 'a'));
            }
        };
        Rows observer = new Rows();
        evaluation(EngineEvaluationTest::complete, grader).run(plan(10, true, FIVE), 0, observer);
        assertThat(observer.rows).flatExtracting(EvaluatedRow::completions).hasSize(60).allSatisfy(one -> {
            assertThat(one.parts()).containsEntry("tokens", 2.0)
                .containsEntry("letter", (double) one.text().charAt(1) - 'a');
        });
    }

    @Test
    void shouldGoOnWhereItWasInterruptedWithTheSameRows() throws IOException {
        EngineEvaluation evaluation = evaluation(EngineEvaluationTest::complete,
                input -> input.completion().charAt(1) - 'a');
        EvaluationPlan plan = plan(ROWS, true, FIVE);
        Rows whole = new Rows();
        evaluation.run(plan, 0, whole);
        assertThat(whole.rows.stream()
            .flatMap(row -> row.completions().stream())
            .map(EvaluatedRow.Completion::text)
            .distinct()).containsExactlyInAnyOrder("<a", "<b", "<c", "<d");

        Rows first = new Rows();
        first.stopAfter = 1;
        assertThatThrownBy(() -> evaluation.run(plan, 0, first)).isInstanceOf(CancellationException.class);
        assertThat(first.rows).hasSizeBetween(1, ROWS - 1);
        Rows rest = new Rows();
        evaluation.run(plan, first.rows.size(), rest);
        List<EvaluatedRow> both = new ArrayList<>(first.rows);
        both.addAll(rest.rows);
        assertThat(both).isEqualTo(whole.rows);
    }

    @Test
    void shouldDrawOtherCompletionsInEachWindow() throws IOException {
        ConcurrentLinkedQueue<Long> seeds = new ConcurrentLinkedQueue<>();
        EvaluationPlan plan = plan(ROWS, false, new SampledSettings(64, List.of(1), 1));
        evaluation((request, listener) -> {
            seeds.add(request.sampling().seed());
            assertThat(request.prompts()).hasSize(4);
            return complete(request, listener);
        }, input -> 1).run(plan, 0, new Rows());
        assertThat(seeds).hasSize(ROWS / 4).doesNotHaveDuplicates();
    }

    /** The last completion of a window comes only after a grade of that window has begun. */
    @Test
    void shouldGradeWhileOthersStillGenerate() throws IOException {
        CountDownLatch begun = new CountDownLatch(1);
        Rows observer = new Rows();
        evaluation((request, listener) -> {
            int last = request.prompts().size() - 1;
            for (int choice = 0; choice < last; choice++) {
                say(request, choice, listener);
            }
            await(begun);
            say(request, last, listener);
            return new CompletionResult(List.of(), List.of(), new CompletionResult.Usage(0, 0), "weights");
        }, input -> {
            begun.countDown();
            return 1;
        }).run(plan(10, true, SampledSettings.NONE), 0, observer);
        assertThat(observer.rows).hasSize(10);
    }

    /** The first window's grades come only once the second window has been asked for. */
    @Test
    void shouldGenerateTheNextWindowWhileOneIsGraded() throws IOException {
        AtomicInteger calls = new AtomicInteger();
        CountDownLatch second = new CountDownLatch(2);
        Rows observer = new Rows();
        evaluation((request, listener) -> {
            calls.incrementAndGet();
            second.countDown();
            return complete(request, listener);
        }, input -> {
            await(second);
            return 1;
        }).run(plan(40, false, new SampledSettings(64, List.of(1), 1)), 0, observer);
        assertThat(observer.rows).hasSize(40);
        assertThat(calls).hasValue(10);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldStopWhileItGeneratesAndWhileItGrades() {
        Rows generating = new Rows();
        CountDownLatch never = new CountDownLatch(1);
        assertThatThrownBy(() -> evaluation((request, listener) -> {
            generating.stop.set(true);
            while (!listener.cancelled()) {
                Thread.onSpinWait();
            }
            throw new CancellationException();
        }, input -> 1).run(plan(10, true, FIVE), 0, generating)).isInstanceOf(CancellationException.class);

        Rows grading = new Rows();
        assertThatThrownBy(() -> evaluation(EngineEvaluationTest::complete, input -> {
            grading.stop.set(true);
            never.await(); // far longer than anybody waits for a cancelled evaluation
            return 1;
        }).run(plan(10, true, FIVE), 0, grading)).isInstanceOf(CancellationException.class);
        assertThat(generating.rows).isEmpty();
        assertThat(grading.rows).isEmpty();
    }

    @Test
    void shouldFailWithWhatTheEngineSays() {
        assertThatThrownBy(() -> evaluation((request, listener) -> {
            throw new D3sException(ErrorCategory.RESOURCES, "too_many_slots", "no room");
        }, input -> 1).run(plan(10, true, FIVE), 0, new Rows())).isInstanceOfSatisfying(D3sException.class,
                e -> assertThat(e.code()).isEqualTo("too_many_slots"));
    }

    @Test
    void shouldGoOnWhereNothingCouldBeGraded() throws IOException {
        Rows observer = new Rows();
        evaluation(EngineEvaluationTest::complete, input -> {
            throw new IllegalStateException("no licence");
        }).run(plan(10, true, FIVE), 0, observer);
        EvaluationSummary summary = new EvaluationSummary(FIVE);
        observer.rows.forEach(summary::add);
        assertThat(summary.nothingGraded()).isTrue();
        assertThat(summary.firstError()).contains("no licence");
        assertThat(summary.figures().scores()).isEmpty();
    }
}

package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.spi.RewardFunction;

/** Evaluation between the steps of real runs. */
class EvaluationTest {
    private static final SampledSettings SAMPLED = new SampledSettings(4, List.of(1, 2, 4), 0.5);
    private static final List<String> SCORES = List.of("avg_at_4", "avg_at_4_standard_error", "pass_at_1",
            "pass_at_1_standard_error", "pass_at_2", "pass_at_2_standard_error", "pass_at_4",
            "pass_at_4_standard_error");

    @TempDir
    Path directory;

    private ShortRuns runs;

    @BeforeEach
    void write() throws IOException {
        runs = new ShortRuns(directory);
    }

    private RecordingObserver run(String name, Engines engines, ReinforcementSettings settings) throws Exception {
        RecordingObserver observer = new RecordingObserver(directory.resolve(name));
        new EngineTraining(engines, new TestPlugins().registry()).run(runs.reinforcement(settings), observer);
        return observer;
    }

    @Test
    void shouldScoreSampledCompletionsWithoutTouchingTraining() throws Exception {
        RecordingObserver greedy = run("greedy", new FixedRefresh(RefreshMode.IN_PLACE), ShortRuns.settings(3).build());
        Recorded engines = new Recorded(new FixedRefresh(RefreshMode.IN_PLACE));
        RecordingObserver sampled = run("sampled", engines, ShortRuns.settings(3).evaluation(SAMPLED).build());

        List<Map<String, Double>> without = new ArrayList<>();
        for (StepReport report : sampled.reports) {
            boolean evaluates = report.step() != 0;
            Map<String, Double> metrics = report.metrics();
            if (evaluates) {
                assertThat(metrics).containsKeys(SCORES.toArray(String[]::new));
                assertThat(metrics.get("pass_at_1")).isBetween(0.0, metrics.get("pass_at_2"));
                assertThat(metrics.get("pass_at_2")).isBetween(0.0, metrics.get("pass_at_4"));
                assertThat(metrics).containsKeys("accuracy", "accuracy_standard_error");
            } else {
                assertThat(metrics).doesNotContainKeys(SCORES.toArray(String[]::new));
            }
            without.add(timeless(metrics));
        }
        assertThat(without).as("all else is as if nothing had been sampled")
            .isEqualTo(greedy.reports.stream().map(report -> timeless(report.metrics())).toList());
        assertThat(sampled.checkpoint(3).resolve("model.safetensors"))
            .hasSameBinaryContentAs(greedy.checkpoint(3).resolve("model.safetensors"));

        // the same identities at each evaluation, none of them a rollout's
        List<Call> calls = engines.calls;
        assertThat(calls).hasSize(2 + 3 + 2 + 2); // before training, a call for each step, after steps 1 and 2
        List<List<Long>> evaluations = calls.stream()
            .filter(call -> call.requests == 16 && call.sampling.temperature() > 0)
            .map(Call::identities)
            .toList();
        assertThat(evaluations).hasSize(3).allSatisfy(each -> assertThat(each).isEqualTo(evaluations.getFirst()));
        assertThat(evaluations.getFirst()).hasSize(64).doesNotHaveDuplicates();
        assertThat(calls.stream()
            .filter(call -> call.requests == ShortRuns.PROMPTS)
            .flatMap(call -> call.identities.stream()))
            .hasSize(3 * ShortRuns.ROLLOUTS)
            .doesNotContainAnyElementsOf(evaluations.getFirst());
    }

    private static Map<String, Double> timeless(Map<String, Double> metrics) {
        Map<String, Double> timeless = new LinkedHashMap<>(metrics);
        timeless.keySet()
            .removeIf(name -> name.startsWith("seconds_") || name.equals("tokens_per_second") || SCORES.contains(name));
        return timeless;
    }

    /**
     * The last group of each call is handed over only after a grade of this call has begun: were grading to begin after
     * generation, the run would stand still.
     */
    @Test
    void shouldGradeTheFirstGroupsWhileOthersStillGenerate() throws Exception {
        AtomicInteger begun = new AtomicInteger();
        List<CountDownLatch> first = List.of(new CountDownLatch(1), new CountDownLatch(1), new CountDownLatch(1));
        AtomicInteger call = new AtomicInteger(-1);
        RewardFunction slow = input -> {
            first.get(call.get()).countDown();
            begun.incrementAndGet();
            return TestPlugins.DIGITS.score(input);
        };
        Engines holding = new Recorded(new FixedRefresh(RefreshMode.IN_PLACE)) {
            @Override
            GenerationListener listener(GenerationListener listener, int requests) {
                int index = call.incrementAndGet();
                AtomicInteger finished = new AtomicInteger();
                return new GenerationListener() {
                    @Override
                    public void finished(int request, CompletionGroup group) {
                        if (finished.incrementAndGet() == requests) {
                            await(first.get(index));
                        }
                        listener.finished(request, group);
                    }

                    @Override
                    public boolean cancelled() {
                        return listener.cancelled();
                    }
                };
            }
        };
        RecordingObserver observer = new RecordingObserver(directory.resolve("run"));
        new EngineTraining(holding, new TestPlugins().grader("slow", slow).registry())
            .run(runs.reinforcement(ShortRuns.settings(1).grader("slow", 60).build()), observer);
        // an evaluation, a step and an evaluation, each of several groups
        assertThat(call).hasValue(2);
        assertThat(begun).hasValue(16 + ShortRuns.ROLLOUTS + 16);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).as("grading begins before generation has ended").isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private record Call(int requests, SamplingSettings sampling, List<Long> identities) {}

    /** The real engines, and what was asked of the one that generates. */
    private static class Recorded implements Engines {
        final List<Call> calls = new ArrayList<>();
        private final Engines real;

        Recorded(Engines real) {
            this.real = real;
        }

        GenerationListener listener(GenerationListener listener, int requests) {
            return listener;
        }

        @Override
        public Policy policy(ModelConfig config, Weights initial, PolicySettings settings, long seed) {
            return real.policy(config, initial, settings, seed);
        }

        @Override
        public ReferencePolicy reference(ModelConfig config, Weights weights, PolicySettings settings) {
            return real.reference(config, weights, settings);
        }

        @Override
        public RolloutEngine rollouts(ModelConfig config, Weights live, int maxSequenceLength, long tokensPerRefresh,
                @Nullable RefreshMode mode) {
            RolloutEngine engine = real.rollouts(config, live, maxSequenceLength, tokensPerRefresh, mode);
            return new RolloutEngine() {
                @Override
                public List<CompletionGroup> generate(List<GenerationRequest> requests, SamplingSettings sampling,
                        GenerationListener listener) {
                    List<Long> identities = new ArrayList<>();
                    requests.forEach(request -> {
                        for (long identity : request.identities()) {
                            identities.add(identity);
                        }
                    });
                    calls.add(new Call(requests.size(), sampling, identities));
                    return engine.generate(requests, sampling, listener(listener, requests.size()));
                }

                @Override
                public TokenScores score(int[] tokens, int promptLength, double temperature) {
                    return engine.score(tokens, promptLength, temperature);
                }

                @Override
                public void refresh() {
                    engine.refresh();
                }

                @Override
                public ServingEngine serve(ServingLimits limits, LongSupplier version) {
                    return engine.serve(limits, version);
                }

                @Override
                public RefreshMode refreshMode() {
                    return engine.refreshMode();
                }

                @Override
                public void close() {
                    engine.close();
                }
            };
        }
    }
}

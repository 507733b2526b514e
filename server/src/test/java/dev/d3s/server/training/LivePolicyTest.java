package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionRequest.Source;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.CompletionService;
import dev.d3s.server.rollout.LivePolicies;
import dev.d3s.server.rollout.ModelOpener;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.onnx.OnnxServingEngine;
import dev.d3s.spi.D3sException;

/** Clients sample from a policy while it is trained, and the training does not notice. */
class LivePolicyTest {
    private static final String NAME = "ft:base:d3s:test:1";
    private static final int STEPS = 6;
    private static final int CLIENTS = 3;

    @TempDir
    Path directory;

    private static final class Tokenizers implements ModelOpener {
        @Override
        public OpenModel open(Path path) {
            throw new UnsupportedOperationException("the policy is in its job");
        }

        @Override
        public Tokenizer tokenizer(Path path) throws java.io.IOException {
            return ModelDirectory.tokenizer(path);
        }
    }

    private static CompletionRequest request(String text, long seed) {
        return new CompletionRequest(new Source.Live(NAME), List.of(new CompletionRequest.Prompt.Text(text)), 2,
                SamplingSettings.of(12, 1, seed), List.of(), 0, false);
    }

    /** What a run reports, times aside. */
    private static List<Map<String, Double>> metrics(RecordingObserver observer) {
        return observer.reports.stream()
            .map(report -> report.metrics()
                .entrySet()
                .stream()
                .filter(metric -> !metric.getKey().contains("second"))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)))
            .toList();
    }

    @Test
    void shouldTrainAsIfNobodyWasThere() throws Exception {
        ShortRuns runs = new ShortRuns(directory);
        TrainingRequest request = runs.reinforcement(ShortRuns.settings(STEPS).build());
        RecordingObserver alone = new RecordingObserver(directory.resolve("alone"));
        new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), new TestPlugins().registry()).run(request, alone);

        LivePolicies policies = new LivePolicies(new ServingLimits(4, 1L << 28, 64, 0.5));
        RecordingObserver visited = new RecordingObserver(directory.resolve("visited")).named(NAME, "ftjob-1");
        List<CompletionResult> answers = Collections.synchronizedList(new ArrayList<>());
        List<D3sException> refusals = Collections.synchronizedList(new ArrayList<>());
        Tokenizers tokenizers = new Tokenizers();
        try (CompletionService service = new CompletionService(tokenizers, (config, weights) -> {
            throw new UnsupportedOperationException("the policy is in its job");
        }, policies, 1);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            visited.beforeSteps(() -> {
                assertThat(policies.find("ftjob-1")).isPresent();
                for (int i = 0; i < CLIENTS; i++) {
                    int client = i;
                    threads.execute(() -> {
                        try {
                            for (int call = 0;; call++) {
                                answers.add(service.complete(request(client + "+" + call + "=", call),
                                        CompletionListener.NONE));
                            }
                        } catch (D3sException e) {
                            refusals.add(e);
                        }
                    });
                }
            });
            new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), new TestPlugins().registry(), policies)
                .run(request, visited);
        }

        assertThat(metrics(visited)).isEqualTo(metrics(alone));
        assertThat(answers).isNotEmpty().allSatisfy(answer -> {
            assertThat(answer.weights()).matches("policy(-\\d+)+");
            assertThat(answer.choices()).hasSize(2)
                .allSatisfy(choice -> assertThat(choice.whole().tokens()).isNotEmpty());
        });
        assertThat(refusals).as("each client hears that the job has ended").hasSize(CLIENTS);
        assertThat(policies.all()).isEmpty();
        assertThatThrownBy(() -> new CompletionService(tokenizers, (config, weights) -> {
            throw new UnsupportedOperationException();
        }, policies, 1).complete(request("1+1=", 1), CompletionListener.NONE)).isInstanceOf(D3sException.class)
            .hasMessageContaining(NAME);
    }

    /** Opens checkpoints, too. */
    private static final ModelOpener MODELS = new ModelOpener() {
        @Override
        public OpenModel open(Path directory) throws IOException {
            HuggingFaceModel model = ModelDirectory.open(directory);
            return new OpenModel(model.config(), model.weights(), model.tokenizer(), model::close);
        }

        @Override
        public Tokenizer tokenizer(Path directory) throws IOException {
            return ModelDirectory.tokenizer(directory);
        }
    };

    /** @param stopAfter the run is told to stop after so many steps */
    private List<CompletionResult> visited(int stopAfter, List<RuntimeException> refusals) throws Exception {
        ServingLimits limits = new ServingLimits(4, 1L << 28, 64, 0.5);
        TrainingRequest request = new ShortRuns(directory).reinforcement(ShortRuns.settings(STEPS).build());
        LivePolicies policies = new LivePolicies(limits);
        RecordingObserver observer = new RecordingObserver(directory.resolve("run")).named(NAME, "ftjob-1")
            .handingOver()
            .stopAfter(stopAfter);
        List<CompletionResult> answers = Collections.synchronizedList(new ArrayList<>());
        AtomicBoolean over = new AtomicBoolean();
        try (CompletionService service = new CompletionService(MODELS,
                (config, weights) -> OnnxServingEngine.open(config, weights, 1, limits), policies, 1)) {
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                observer.beforeSteps(() -> {
                    for (int i = 0; i < CLIENTS; i++) {
                        int client = i;
                        threads.execute(() -> {
                            boolean last = false;
                            for (int call = 0; !last; call++) {
                                last = over.get();
                                try {
                                    answers.add(service.complete(request(client + "+" + call + "=", call),
                                            CompletionListener.NONE));
                                } catch (RuntimeException e) {
                                    refusals.add(e);
                                }
                            }
                        });
                    }
                });
                try {
                    new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), new TestPlugins().registry(), policies)
                        .run(request, observer);
                } catch (TrainingStopped expected) {
                    assertThat(stopAfter).isLessThan(STEPS);
                } finally {
                    over.set(true);
                }
            }
        }
        return answers;
    }

    @Test
    void shouldLetEveryClientComeToItsEndAndSendLaterOnesToTheResult() throws Exception {
        List<RuntimeException> refusals = Collections.synchronizedList(new ArrayList<>());
        List<CompletionResult> answers = visited(STEPS + 1, refusals);
        assertThat(refusals).isEmpty();
        assertThat(answers).extracting(CompletionResult::weights)
            .anyMatch(weights -> weights.startsWith("policy-"))
            .filteredOn(weights -> weights.startsWith("weights-"))
            .as("the last call of each, at least")
            .hasSizeGreaterThanOrEqualTo(CLIENTS);
    }

    @Test
    void shouldSendTheClientsOfAPausedJobToItsCheckpoint() throws Exception {
        List<RuntimeException> refusals = Collections.synchronizedList(new ArrayList<>());
        List<CompletionResult> answers = visited(2, refusals);
        // a pause does not wait: who has some tokens already is told
        assertThat(refusals).hasSizeLessThanOrEqualTo(CLIENTS)
            .allSatisfy(refusal -> assertThat(refusal).isInstanceOfSatisfying(D3sException.class,
                    known -> assertThat(known.code()).isEqualTo("model_closed")));
        assertThat(answers).extracting(CompletionResult::weights)
            .filteredOn(weights -> weights.startsWith("weights-"))
            .hasSizeGreaterThanOrEqualTo(CLIENTS);
    }
}

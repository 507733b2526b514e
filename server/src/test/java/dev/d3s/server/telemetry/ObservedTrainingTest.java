package dev.d3s.server.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.training.CheckpointSettings;
import dev.d3s.server.training.EvaluationSettings;
import dev.d3s.server.training.Metric;
import dev.d3s.server.training.OptimizerSettings;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.SupervisedSettings;
import dev.d3s.server.training.Training;
import dev.d3s.server.training.TrainingObserver;
import dev.d3s.server.training.TrainingRequest;
import dev.d3s.server.training.TrainingStopped;
import dev.d3s.server.training.TrainingTotals;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;

class ObservedTrainingTest {
    private final List<String> heard = new ArrayList<>();
    private final InMemorySpanExporter exporter = InMemorySpanExporter.create();
    private final RunTraces traces = new RunTraces(SdkTracerProvider.builder()
        .addSpanProcessor(SimpleSpanProcessor.create(exporter))
        .build()
        .get("test"));
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final RunMetrics metrics = new RunMetrics(registry);

    @TempDir
    Path directory;

    private TrainingRequest request(@Nullable Path resumeFrom) {
        return new TrainingRequest(7, directory, directory, null, resumeFrom, new SupervisedSettings(2, 4, 8,
                PolicySettings.DEFAULT, new OptimizerSettings(1e-3, OptimizerSettings.Decay.CONSTANT, 0, 0, 0, 1,
                        0.9, 0.999, 1e-8),
                new EvaluationSettings(0, 1), CheckpointSettings.every(0),
                null));
    }

    /** The job's own observer. */
    private final class Job implements TrainingObserver {
        @Override
        public boolean stopRequested() {
            return false;
        }

        @Override
        public void message(String text) {
            heard.add(text);
        }

        @Override
        public void report(StepReport report) {
            heard.add("step " + report.step());
        }

        @Override
        public void checkpoint(int completedSteps, Map<String, Double> values, CheckpointContent content)
                throws IOException {
            content.writeTo(directory);
            heard.add("checkpoint " + completedSteps);
        }

        @Override
        public List<String> policyNames() {
            return List.of("ft:model");
        }

        @Override
        public Map<String, String> context() {
            return Map.of("job", "ftjob-1", "organization", "lab");
        }
    }

    /** Two steps of a second each, then a checkpoint of 1000 bytes. */
    private static TrainingTotals run(TrainingObserver observer) throws IOException {
        long now = System.nanoTime();
        observer.message("Hello " + observer.policyNames());
        for (int step = 0; step < 2; step++) {
            long second = now + step * 1_000_000_000L;
            observer.phase(step, Metric.SECONDS_UPDATE, second, second + 750_000_000);
            observer.phase(step, Metric.SECONDS_EVAL, second + 750_000_000, second + 1_000_000_000);
            Map<String, Double> metrics = new LinkedHashMap<>();
            metrics.put(Metric.TRAINED_TOKENS.key(), 10.0 * (step + 1));
            metrics.put(Metric.KEPT_TOKENS.key(), 10.0);
            metrics.put(Metric.LOSS.key(), 0.5);
            observer.report(new StepReport(step, 2, metrics));
        }
        observer.checkpoint(2, Map.of(),
                directory -> Files.write(directory.resolve("weights"), new byte[1000]));
        return new TrainingTotals(20, 0);
    }

    private List<SpanData> spans(String name) {
        return exporter.getFinishedSpanItems().stream().filter(span -> span.getName().equals(name)).toList();
    }

    @Test
    void shouldMeasureAndTraceWithoutChangingAnything() throws Exception {
        Training training = ObservedTraining.of((request, observer) -> run(observer), metrics, traces);

        assertThat(training.run(request(null), new Job())).isEqualTo(new TrainingTotals(20, 0));

        assertThat(heard).containsExactly("Hello [ft:model]", "step 0", "step 1", "checkpoint 2");
        assertThat(registry.get("d3s.steps").tag("method", "supervised").counter().count()).isEqualTo(2);
        assertThat(registry.get("d3s.tokens.trained").counter().count()).isEqualTo(20);
        assertThat(registry.get("d3s.step.phase")
            .tag("phase", "update")
            .timer()
            .totalTime(TimeUnit.MILLISECONDS)).isEqualTo(1500);
        assertThat(registry.get("d3s.checkpoint.size").summary().totalAmount()).isEqualTo(1000);

        SpanData run = spans("job run").getFirst();
        assertThat(run.getAttributes().get(AttributeKey.stringKey("d3s.job"))).isEqualTo("ftjob-1");
        assertThat(run.getAttributes().get(AttributeKey.stringKey("d3s.organization"))).isEqualTo("lab");
        assertThat(run.getAttributes().get(AttributeKey.stringKey("d3s.method"))).isEqualTo("supervised");
        assertThat(run.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
        List<SpanData> steps = spans("step");
        assertThat(steps).hasSize(2).allSatisfy(step -> {
            assertThat(step.getParentSpanId()).isEqualTo(run.getSpanId());
            assertThat(step.getTraceId()).isEqualTo(run.getTraceId());
            assertThat(step.getAttributes().get(AttributeKey.doubleKey("d3s.loss"))).isEqualTo(0.5);
        });
        assertThat(steps).extracting(step -> step.getAttributes().get(AttributeKey.longKey("d3s.step")))
            .containsExactly(0L, 1L);
        assertThat(spans("update")).hasSize(2)
            .allSatisfy(
                    update -> assertThat(update.getEndEpochNanos() - update.getStartEpochNanos())
                        .isEqualTo(750_000_000));
        assertThat(spans("eval")).extracting(SpanData::getParentSpanId)
            .containsExactlyElementsOf(steps.stream().map(SpanData::getSpanId).toList());
        SpanData checkpoint = spans("checkpoint").getFirst();
        assertThat(checkpoint.getParentSpanId()).isEqualTo(steps.getLast().getSpanId());
        assertThat(checkpoint.getAttributes().get(AttributeKey.longKey("d3s.bytes"))).isEqualTo(1000);
    }

    @Test
    void shouldShowWhatARunFailedIn() {
        Training training = ObservedTraining.of((request, observer) -> {
            observer.phase(3, Metric.SECONDS_ROLLOUT, 1, 2);
            throw new IllegalStateException("a bug");
        }, metrics, traces);

        assertThatThrownBy(() -> training.run(request(null), new Job())).hasMessage("a bug");

        assertThat(spans("job run").getFirst().getStatus().getDescription()).isEqualTo("a bug");
        assertThat(spans("step").getFirst().getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
        assertThat(registry.get("d3s.runs.failed").counter().count()).isEqualTo(1);
    }

    @Test
    void shouldTakeAStopForNoFailure() {
        Training training = ObservedTraining.of((request, observer) -> {
            throw new TrainingStopped();
        }, metrics, traces);

        assertThatThrownBy(() -> training.run(request(null), new Job())).isInstanceOf(TrainingStopped.class);
        assertThat(spans("job run").getFirst().getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
        assertThat(registry.get("d3s.runs.failed").counter().count()).isZero();
    }

    @Test
    void shouldLeaveARunAloneWhereTracesAreOff() throws Exception {
        RunTraces off = new RunTraces(OpenTelemetry.noop().getTracer("test"));

        assertThat(off.started(request(null), Map.of())).isNull();
    }

    /** A step whose evaluation the last run left to this one is reported once more, and was counted there. */
    @Test
    void shouldCountAStepOnce() throws Exception {
        Training training = ObservedTraining.of((request, observer) -> {
            Map<String, Double> last = Map.of(Metric.TRAINED_TOKENS.key(), 1000.0, Metric.KEPT_TOKENS.key(), 10.0);
            observer.phase(99, Metric.SECONDS_EVAL, 0, 5);
            observer.report(new StepReport(99, 102, last));
            observer.phase(100, Metric.SECONDS_UPDATE, 0, 5);
            observer.report(new StepReport(100, 102,
                    Map.of(Metric.TRAINED_TOKENS.key(), 1012.0, Metric.KEPT_TOKENS.key(), 12.0)));
            return new TrainingTotals(1012, 0);
        }, metrics, traces);

        training.run(request(directory), new Job());

        assertThat(registry.get("d3s.tokens.trained").counter().count()).isEqualTo(12);
        assertThat(registry.get("d3s.steps").tag("method", "supervised").counter().count()).isEqualTo(1);
    }

    /** What the totals were before a resumed run is not known to it. */
    @Test
    void shouldNotCountWhatAnEarlierRunDid() throws Exception {
        Training training = ObservedTraining.of((request, observer) -> {
            observer.phase(100, Metric.SECONDS_UPDATE, 0, 5);
            observer.report(new StepReport(100, 102,
                    Map.of(Metric.TRAINED_TOKENS.key(), 1012.0, Metric.KEPT_TOKENS.key(), 12.0)));
            return new TrainingTotals(1012, 0);
        }, metrics, traces);

        training.run(request(directory), new Job());

        assertThat(registry.get("d3s.tokens.trained").counter().count()).isEqualTo(12);
    }

    @Test
    void shouldKeepARunGoingWhenAListenerFails() throws Exception {
        ObservedTraining.Listeners broken = (request, context) -> {
            throw new IllegalStateException("broken");
        };
        RunListener failing = new RunListener() {
            @Override
            public void phase(int step, Metric phase, long started, long ended) {
                throw new IllegalStateException("broken");
            }

            @Override
            public void report(StepReport report) {
                throw new IllegalStateException("broken");
            }

            @Override
            public void checkpoint(int completedSteps, long bytes, long started, long ended) {
                throw new IllegalStateException("broken");
            }

            @Override
            public void ended(@Nullable Throwable failure) {
                throw new IllegalStateException("broken");
            }
        };
        Training training = ObservedTraining.of((request, observer) -> run(observer), broken,
                (request, context) -> failing, metrics);

        assertThat(training.run(request(null), new Job())).isEqualTo(new TrainingTotals(20, 0));
        assertThat(registry.get("d3s.tokens.trained").counter().count()).isEqualTo(20);
    }
}

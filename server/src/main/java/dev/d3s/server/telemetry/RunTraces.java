package dev.d3s.server.telemetry;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.training.Metric;
import dev.d3s.server.training.ReinforcementSettings;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.SupervisedSettings;
import dev.d3s.server.training.TrainingRequest;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;

/**
 * A trace of each run: {@code job run}, in it a {@code step} for each step, and in that {@code rollout}, {@code grade},
 * {@code select}, {@code update}, {@code refresh}, {@code eval} and {@code checkpoint}. Spans of a step are made when it is
 * reported, with the times that were measured anyway: nothing is added to the loop. Where traces are off, or this one is not
 * sampled, a run is left alone.
 */
@Singleton
public class RunTraces implements ObservedTraining.Listeners {
    private static final List<Metric> SHOWN = List.of(Metric.REWARD_MEAN, Metric.LOSS, Metric.ACCURACY,
            Metric.VALIDATION_LOSS, Metric.KEPT_ROLLOUT_RATIO, Metric.KEPT_TOKEN_RATIO, Metric.KEPT_TOKENS,
            Metric.GRADIENT_NORM, Metric.TOKENS_PER_SECOND, Metric.POLICY_VERSION);

    private final Tracer tracer;

    @Inject
    RunTraces(Tracer tracer) {
        this.tracer = tracer;
    }

    @Override
    public @Nullable RunListener started(TrainingRequest request, Map<String, String> context) {
        SpanBuilder builder = tracer.spanBuilder("job run").setNoParent();
        context.forEach((name, value) -> builder.setAttribute("d3s." + name, value));
        builder.setAttribute("d3s.seed", request.seed())
            .setAttribute("d3s.steps", request.settings().steps())
            .setAttribute("d3s.resumed", request.resumeFrom() != null)
            .setAttribute("d3s.method", switch (request.settings()) {
                case ReinforcementSettings settings -> "reinforcement";
                case SupervisedSettings settings -> "supervised";
            });
        Span span = builder.startSpan();
        return span.isRecording() ? new Run(span) : null;
    }

    private record Phase(int step, Metric metric, long started, long ended) {}

    private final class Run implements RunListener {
        private final Span run;
        private final Context inRun;
        /** What to add to {@link System#nanoTime} for nanoseconds since 1970. */
        private final long epoch = TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()) - System.nanoTime();
        private final List<Phase> phases = new ArrayList<>();
        private Context inStep;

        Run(Span run) {
            this.run = run;
            this.inRun = Context.root().with(run);
            this.inStep = inRun;
        }

        private Span span(String name, Context parent, long started) {
            return tracer.spanBuilder(name)
                .setParent(parent)
                .setStartTimestamp(started + epoch, TimeUnit.NANOSECONDS)
                .startSpan();
        }

        @Override
        public void phase(int step, Metric phase, long started, long ended) {
            phases.add(new Phase(step, phase, started, ended));
        }

        @Override
        public void report(StepReport report) {
            Span step = step(report.step());
            for (Metric metric : SHOWN) {
                Double value = report.metrics().get(metric.key());
                if (value != null) {
                    step.setAttribute("d3s." + metric.key(), value);
                }
            }
            step.end();
        }

        /** The span of a step with those of its phases, not ended. */
        private Span step(int number) {
            long started = phases.isEmpty() ? System.nanoTime() : phases.getFirst().started();
            Span step = span("step", inRun, started).setAttribute("d3s.step", number);
            inStep = inRun.with(step);
            for (Phase phase : phases) {
                span(phase.metric().key().substring("seconds_".length()), inStep, phase.started())
                    .end(phase.ended() + epoch, TimeUnit.NANOSECONDS);
            }
            phases.clear();
            return step;
        }

        @Override
        public void checkpoint(int completedSteps, long bytes, long started, long ended) {
            span("checkpoint", inStep, started).setAttribute("d3s.completed_steps", completedSteps)
                .setAttribute("d3s.bytes", bytes)
                .end(ended + epoch, TimeUnit.NANOSECONDS);
        }

        @Override
        public void ended(@Nullable Throwable failure) {
            if (!phases.isEmpty()) {
                Span step = step(phases.getFirst().step());
                step.setStatus(StatusCode.ERROR, "abandoned");
                step.end();
            }
            if (failure != null) {
                run.recordException(failure);
                run.setStatus(StatusCode.ERROR, String.valueOf(failure.getMessage()));
            }
            run.end();
        }
    }
}

package dev.d3s.server.telemetry;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.training.Metric;
import dev.d3s.server.training.ReinforcementSettings;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.SupervisedSettings;
import dev.d3s.server.training.TrainingRequest;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;

/**
 * What training runs add to the server's metrics. No meter has a label whose values grow with time: neither jobs nor
 * organizations; a job's own figures are in its metrics. Thread-safe: several runs may be measured at once.
 */
@Singleton
public class RunMetrics implements ObservedTraining.Listeners {
    private static final Duration[] PHASES = seconds(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000);

    private final Map<Metric, Timer> phases = new EnumMap<>(Metric.class);
    private final Counter reinforcementSteps;
    private final Counter supervisedSteps;
    private final Counter skippedSteps;
    private final Counter rollouts;
    private final Counter keptRollouts;
    private final Counter ungradedRollouts;
    private final Counter generatedTokens;
    private final Counter keptTokens;
    private final Counter trainedTokens;
    private final Counter failedRuns;
    private final Timer checkpoints;
    private final DistributionSummary checkpointBytes;
    private final AtomicReference<Double> tokensPerSecond = new AtomicReference<>(0.0);

    @Inject
    RunMetrics(MeterRegistry registry) {
        for (Metric metric : Metric.values()) {
            if (metric.key().startsWith("seconds_") && metric != Metric.SECONDS_CHECKPOINT) {
                phases.put(metric, phase(registry, metric));
            }
        }
        checkpoints = phase(registry, Metric.SECONDS_CHECKPOINT);
        reinforcementSteps = counter(registry, "d3s.steps", "training steps", "method", "reinforcement");
        supervisedSteps = counter(registry, "d3s.steps", "training steps", "method", "supervised");
        skippedSteps = counter(registry, "d3s.steps.skipped", "steps in which nothing was informative");
        rollouts = counter(registry, "d3s.rollouts", "rollouts generated for training");
        keptRollouts = counter(registry, "d3s.rollouts.kept", "rollouts trained on");
        ungradedRollouts = counter(registry, "d3s.rollouts.ungraded", "rollouts whose grader failed");
        generatedTokens = counter(registry, "d3s.tokens.generated", "tokens generated for training");
        keptTokens = counter(registry, "d3s.tokens.kept", "tokens trained on, each once per step");
        trainedTokens = counter(registry, "d3s.tokens.trained", "tokens trained on, counted in each pass over them");
        failedRuns = counter(registry, "d3s.runs.failed", "runs of jobs that ended with an error");
        checkpointBytes = DistributionSummary.builder("d3s.checkpoint.size")
            .baseUnit("bytes")
            .description("files of a checkpoint")
            .register(registry);
        Gauge.builder("d3s.step.tokens.per.second", tokensPerSecond, AtomicReference::get)
            .description("tokens per second of the last step of any job")
            .register(registry);
    }

    static Duration[] buckets() {
        return PHASES.clone();
    }

    private static Duration[] seconds(double... seconds) {
        Duration[] durations = new Duration[seconds.length];
        for (int index = 0; index < seconds.length; index++) {
            durations[index] = Duration.ofMillis(Math.round(seconds[index] * 1000));
        }
        return durations;
    }

    private static Timer phase(MeterRegistry registry, Metric metric) {
        return Timer.builder("d3s.step.phase")
            .description("seconds of a step, by phase")
            .tag("phase", metric.key().substring("seconds_".length()))
            .serviceLevelObjectives(PHASES)
            .register(registry);
    }

    private static Counter counter(MeterRegistry registry, String name, String description, String... tags) {
        return Counter.builder(name).description(description).tags(tags).register(registry);
    }

    @Override
    public RunListener started(TrainingRequest request, Map<String, String> context) {
        return new Run(request);
    }

    private final class Run implements RunListener {
        private final boolean resumed;
        private final int rolloutsPerStep;
        private final int passes;
        private final Counter steps;
        private double generatedBefore;
        private double trainedBefore;
        private boolean first = true;
        private boolean worked;

        Run(TrainingRequest request) {
            resumed = request.resumeFrom() != null;
            switch (request.settings()) {
                case ReinforcementSettings settings -> {
                    rolloutsPerStep = settings.promptsPerStep() * settings.groupSize();
                    passes = settings.updates().iterations();
                    steps = reinforcementSteps;
                }
                case SupervisedSettings settings -> {
                    rolloutsPerStep = 0;
                    passes = 1;
                    steps = supervisedSteps;
                }
            }
        }

        @Override
        public void phase(int step, Metric phase, long started, long ended) {
            Timer timer = phases.get(phase);
            if (timer != null) {
                timer.record(ended - started, TimeUnit.NANOSECONDS);
            }
            worked |= phase == Metric.SECONDS_UPDATE || phase == Metric.SECONDS_ROLLOUT;
        }

        @Override
        public void report(StepReport report) {
            Map<String, Double> metrics = report.metrics();
            double generated = metrics.getOrDefault(Metric.GENERATED_TOKENS.key(), generatedBefore);
            double trained = metrics.getOrDefault(Metric.TRAINED_TOKENS.key(), trainedBefore);
            // neither the evaluation before training, nor a step that the run before this one has reported already
            if (report.step() >= 0 && worked) {
                boolean unknown = first && resumed; // what the totals were before
                double kept = metrics.getOrDefault(Metric.KEPT_TOKENS.key(), 0.0);
                steps.increment();
                skippedSteps.increment(metrics.getOrDefault(Metric.SKIPPED.key(), 0.0));
                rollouts.increment(rolloutsPerStep);
                keptRollouts.increment(metrics.getOrDefault(Metric.KEPT_ROLLOUTS.key(), 0.0));
                ungradedRollouts.increment(Math
                    .rint(metrics.getOrDefault(Metric.UNGRADED_RATIO.key(), 0.0) * rolloutsPerStep));
                keptTokens.increment(kept);
                generatedTokens.increment(unknown
                        ? Math.rint(metrics.getOrDefault(Metric.COMPLETION_LENGTH_MEAN.key(), 0.0) * rolloutsPerStep)
                        : Math.max(0, generated - generatedBefore));
                trainedTokens.increment(unknown ? kept * passes : Math.max(0, trained - trainedBefore));
                tokensPerSecond.set(metrics.getOrDefault(Metric.TOKENS_PER_SECOND.key(), 0.0));
                first = false;
            } else if (report.step() >= 0) {
                first = false;
            }
            worked = false;
            generatedBefore = generated;
            trainedBefore = trained;
        }

        @Override
        public void checkpoint(int completedSteps, long bytes, long started, long ended) {
            checkpoints.record(ended - started, TimeUnit.NANOSECONDS);
            checkpointBytes.record((double) bytes);
        }

        @Override
        public void ended(@Nullable Throwable failure) {
            if (failure != null) {
                failedRuns.increment();
            }
        }
    }
}

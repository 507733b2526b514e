package dev.d3s.server.job;

import java.nio.file.Path;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.training.EngineTraining;
import dev.d3s.server.training.Engines;
import dev.d3s.server.training.Training;
import dev.d3s.server.wiring.OnnxTorchEngines;

/**
 * A process that runs the jobs in a directory with the real engines, on one thread, and goes on with those that a former process
 * left, until all have ended. It may be killed at any time.
 */
final class KillableServer {
    private KillableServer() {}

    /** @param arguments the directory */
    public static void main(String[] arguments) throws Exception {
        Training engines = new EngineTraining(new InPlace(new OnnxTorchEngines(1)), PluginRegistry.discover(null));
        Training told = (request, observer) -> {
            try {
                return engines.run(request, observer);
            } catch (RuntimeException | Error e) {
                e.printStackTrace(System.out);
                throw e;
            }
        };
        try (TestServer server = new TestServer(Path.of(arguments[0]), told)) {
            server.jobs.start();
            for (Job job : server.stores.jobs.withStatus(JobStatus.PAUSED)) {
                server.jobs.resume(TestServer.CALLER, job.id());
            }
            System.out.println("started");
            for (Job job : server.stores.jobs.withStatus(JobStatus.unfinished())) {
                server.jobs.follow(TestServer.CALLER, job.id(), null, new Follower() {
                    @Override
                    public boolean event(JobEvent event) {
                        return true;
                    }

                    @Override
                    public boolean quiet() {
                        return true;
                    }
                });
            }
        }
        System.out.println("done");
    }

    /** Two processes might measure that different ways to refresh are faster, whose last bits differ. */
    private record InPlace(Engines real) implements Engines {
        @Override
        public Engines until(BooleanSupplier stopRequested) {
            return new InPlace(real.until(stopRequested));
        }

        @Override
        public Engines with(EngineSettings settings) {
            return new InPlace(real.with(settings));
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
            return real.rollouts(config, live, maxSequenceLength, tokensPerRefresh,
                    mode == null ? RefreshMode.IN_PLACE : mode);
        }
    }
}

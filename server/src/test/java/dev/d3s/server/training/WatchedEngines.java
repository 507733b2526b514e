package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.Adapter;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.Policy;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.UpdateReport;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;

/**
 * The real engines, where a test is told of each update just before it is made, and may throw.
 *
 * @param before gets the sequences of the update
 */
record WatchedEngines(Engines real, Consumer<List<TrainingSequence>> before) implements Engines {
    WatchedEngines(Consumer<List<TrainingSequence>> before) {
        this(new FixedRefresh(RefreshMode.IN_PLACE), before);
    }

    @Override
    public Engines until(BooleanSupplier stopRequested) {
        return new WatchedEngines(real.until(stopRequested), before);
    }

    @Override
    public Policy policy(ModelConfig config, Weights initial, PolicySettings settings, long seed) {
        return new Watched(real.policy(config, initial, settings, seed), before);
    }

    @Override
    public ReferencePolicy reference(ModelConfig config, Weights weights, PolicySettings settings) {
        return real.reference(config, weights, settings);
    }

    @Override
    public RolloutEngine rollouts(ModelConfig config, Weights live, int maxSequenceLength, long tokensPerRefresh,
            @Nullable RefreshMode mode) {
        return real.rollouts(config, live, maxSequenceLength, tokensPerRefresh, mode);
    }

    private record Watched(Policy real, Consumer<List<TrainingSequence>> before) implements Policy {
        @Override
        public ModelConfig config() {
            return real.config();
        }

        @Override
        public Weights weights() {
            return real.weights();
        }

        @Override
        public @Nullable Adapter adapter() {
            return real.adapter();
        }

        @Override
        public @Nullable ReferencePolicy withoutAdapter() {
            return real.withoutAdapter();
        }

        @Override
        public long version() {
            return real.version();
        }

        @Override
        public UpdateReport update(List<TrainingSequence> sequences, Objective objective, OptimizerStep step) {
            before.accept(sequences);
            return real.update(sequences, objective, step);
        }

        @Override
        public List<TokenScores> score(List<int[]> tokens, int[] promptLength, boolean[][] chosen,
                double temperature) {
            return real.score(tokens, promptLength, chosen, temperature);
        }

        @Override
        public void saveOptimizer(Path directory) throws IOException {
            real.saveOptimizer(directory);
        }

        @Override
        public void loadOptimizer(Path directory) throws IOException {
            real.loadOptimizer(directory);
        }

        @Override
        public void close() {
            real.close();
        }
    }
}

package org.example.d3s;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.StatefulSelector;

/**
 * Leaves out runaways: completions that are much longer than the job's completions have been so far, which mostly lost their
 * way and cost most to train on. Of the others it keeps those with the largest |advantage|.
 *
 * <p>
 * What is usual is a moving average over the steps, which makes this a selector with state.
 */
final class NoRunaways implements RolloutSelector, StatefulSelector {
    /** The weight of the latest step in the average. */
    private static final double LATEST = 0.1;

    private final double factor;
    /** In tokens; 0 before the first step. */
    private double usualLength;

    NoRunaways(double factor) {
        this.factor = factor;
    }

    /** A rollout that may be kept. {@code draw} decides among equal advantages. */
    private record Candidate(int rollout, double advantage, long draw) {}

    // region select
    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        double mean = Arrays.stream(batch.completionLength()).average().orElse(0);
        double usual = usualLength == 0 ? mean : usualLength;
        SplittableRandom random = new SplittableRandom(seed);
        List<Candidate> candidates = new ArrayList<>();
        int runaways = 0;
        for (int i = 0; i < batch.size(); i++) {
            if (batch.completionLength()[i] > factor * usual) {
                runaways++;
            } else if (batch.graded(i) && batch.advantage()[i] != 0) {
                candidates.add(new Candidate(i, Math.abs(batch.advantage()[i]), random.nextLong()));
            }
        }
        candidates.sort(Comparator.comparingDouble(Candidate::advantage).reversed().thenComparingLong(Candidate::draw));
        long wanted = Math.max(1, Math.round(keepRatio * batch.size()));
        usualLength = (1 - LATEST) * usual + LATEST * mean;
        return RolloutSelection.of(candidates.stream().limit(wanted).mapToInt(Candidate::rollout).toArray())
            .withMetrics(Map.of("usual_length", usual, "runaways", (double) runaways));
    }
    // endregion

    // region state
    @Override
    public byte[] saveState() {
        return ByteBuffer.allocate(Double.BYTES).putDouble(usualLength).array();
    }

    @Override
    public void restoreState(byte[] state) {
        if (state.length != Double.BYTES) {
            throw new D3sException(ErrorCategory.PLUGIN, "state_not_read", "A state of " + state.length
                    + " bytes was not saved by this version: start the job anew, or use the version that saved it.");
        }
        usualLength = ByteBuffer.wrap(state).getDouble();
    }
    // endregion

    static final class Factory implements RolloutSelectorFactory {
        @Override
        public String name() {
            return "no-runaways";
        }

        @Override
        public String description() {
            return "The largest |advantage| among completions that are not much longer than usual.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Real("factor", 2.0, 1, false, 100,
                    "a completion longer than this times the usual length is a runaway"));
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            return new NoRunaways(config.real("factor"));
        }
    }
}

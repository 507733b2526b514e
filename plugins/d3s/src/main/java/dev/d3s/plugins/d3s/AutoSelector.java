package dev.d3s.plugins.d3s;

import java.util.List;
import java.util.Map;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.StatefulSelector;

/**
 * {@code d3s-auto}: at each step either {@code d3s-intra} or {@code d3s-cross}, whichever suits the batch. All of the rule is
 * ours; the paper leaves the choice to the user and reports D3S-I as the more robust one for poorly aligned models
 * (arXiv 2509.22115).
 *
 * <p>
 * Let s_t be the share of informative groups at step t: those with an advantage other than 0, among those with a reward.
 * With m_t its moving average,
 *
 * <pre>
 *   m_0 = s_0        m_t = (1 - smoothing) * m_{t-1} + smoothing * s_t
 *
 *   m_t &lt; low    intra
 *   m_t &gt; high   cross
 *   else         as at the step before; intra at the first one
 * </pre>
 *
 * <p>
 * <b>Why this share.</b> Across the batch, N rollouts are taken from the informative ones. Where few groups are informative
 * these hardly exceed N, so cross keeps all of them: mostly the many rollouts of slightly negative advantage of groups with
 * one success, and little of what would balance them. Intra takes both ends of each group. In our measurements of a policy
 * that solves 5 % at the start, 10 to 37 % of the groups were informative and intra ended above cross with all of three
 * seeds; of one that solves 30 %, 90 % were and the two could not be told apart.
 *
 * <p>
 * <b>Why hysteresis.</b> With P groups s_t scatters by sqrt(s (1 - s) / P), 0.125 for P = 16 at a half. Smoothing of 0.2
 * makes that a third of it; between 0.4 and 0.6 the decision stands, so the scatter alone rarely turns it round.
 *
 * <p>
 * <b>Why intra first.</b> It costs nothing measurable where cross would have done, and the reverse is not true.
 *
 * <p>
 * <b>Late in training</b> most groups are solved, the share falls below {@code low} and the choice goes back to intra, for
 * the same reason: few rollouts are informative, and of each group that still is, both ends are kept.
 *
 * <p>
 * A step without a graded group changes nothing. It reports {@code intra}, 1 or 0, and {@code informative_group_ratio}, m_t.
 * {@link AutoState} is its state; see {@link RolloutSelector} and {@link StatefulSelector} for threads.
 */
final class AutoSelector implements RolloutSelector, StatefulSelector {
    private final double low;
    private final double high;
    private final double smoothing;
    private final RolloutSelector intra;
    private final RolloutSelector cross;
    private AutoState state = AutoState.BEGINNING;

    private AutoSelector(double low, double high, double smoothing, RolloutSelector intra, RolloutSelector cross) {
        this.low = low;
        this.high = high;
        this.smoothing = smoothing;
        this.intra = intra;
        this.cross = cross;
    }

    @Override
    public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
        InformativeGroups groups = InformativeGroups.of(batch);
        if (groups.gradedCount() > 0) {
            state = next(groups.ratio());
        }
        RolloutSelection selection = (state.intra() ? intra : cross).select(batch, keepRatio, seed);
        double decision = state.intra() ? 1 : 0;
        return selection.withMetrics(state.hasAverage()
                ? Map.of("intra", decision, "informative_group_ratio", state.average())
                : Map.of("intra", decision));
    }

    private AutoState next(double share) {
        double average = state.hasAverage() ? (1 - smoothing) * state.average() + smoothing * share : share;
        // rounding may step over an end, and a saved state is checked
        return new AutoState(average < low || (average <= high && state.intra()), Math.clamp(average, 0, 1));
    }

    @Override
    public byte[] saveState() {
        return state.toBytes();
    }

    @Override
    public void restoreState(byte[] saved) {
        state = AutoState.of(saved);
    }

    static final class Factory implements RolloutSelectorFactory {
        @Override
        public String name() {
            return "d3s-auto";
        }

        @Override
        public String description() {
            return "At each step d3s-intra while few groups are informative, d3s-cross once many are.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(
                    new ConfigKey.Real("low", 0.4, 0, false, 1,
                            "[ours] below this average share of informative groups d3s-intra is chosen; less than high"),
                    new ConfigKey.Real("high", 0.6, 0, false, 1,
                            "[ours] above this average share of informative groups d3s-cross is chosen"),
                    new ConfigKey.Real("smoothing", 0.2, 0, true, 1,
                            "[ours] weight of the newest step in the average; 1 looks at the newest step alone"),
                    Split.key(), Normalization.key(Normalization.GROUP), RolloutPool.fillKey());
        }

        @Override
        public RolloutSelector create(PluginConfig config) {
            double low = config.real("low");
            double high = config.real("high");
            if (low >= high) {
                throw new InvalidConfigException(List.of(new ConfigProblem("low",
                        "Key 'low' is " + low + " but must be below 'high', which is " + high + ".")));
            }
            Split split = Split.of(config);
            Normalization normalization = Normalization.of(config);
            boolean fill = RolloutPool.fill(config);
            return new AutoSelector(low, high, config.real("smoothing"),
                    new IntraGroupSelector(split, normalization, fill),
                    new CrossGroupSelector(split, normalization, fill));
        }
    }
}

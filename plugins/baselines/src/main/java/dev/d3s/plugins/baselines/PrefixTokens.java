package dev.d3s.plugins.baselines;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/**
 * {@code prefix}: cuts each completion at a random token L and keeps the tokens 1 .. L. Token t weighs 1 / P(L &gt;= t), so
 *
 * <pre>
 *   E[sum for t = 1 .. L of x_t / P(L &gt;= t)] = sum for t = 1 .. T of x_t
 * </pre>
 *
 * <p>
 * It is the only selector that saves most of the work on what it drops: nothing follows the last kept token, so the forward
 * and backward passes end there. Random prefix cutting with Horvitz-Thompson weights is one of the two schemes of NAT
 * (arXiv 2603.06619).
 *
 * <p>
 * Ours: the law of L, see {@link PrefixLaw}; and the cuts of one step are stratified. Of the K uniform numbers behind them,
 * one lies in each K-th part of 0 to 1, in random order. So each is uniform, which is all that the weights need, and the
 * kept share of a step is close to its expectation. Pure; see {@link TokenSelector} for threads.
 */
final class PrefixTokens implements TokenSelector {
    private final double wholeShare;
    private final boolean weighted;

    private PrefixTokens(double wholeShare, boolean weighted) {
        this.wholeShare = wholeShare;
        this.weighted = weighted;
    }

    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        PrefixLaw law = PrefixLaw.of(keepRatio, wholeShare);
        double[] uniform = stratified(batch.size(), seed);
        boolean[][] kept = new boolean[batch.size()][];
        float[][] weight = new float[batch.size()][];
        for (int i = 0; i < kept.length; i++) {
            int length = batch.entropy()[i].length;
            int cut = law.cut(length, uniform[i]);
            kept[i] = new boolean[length];
            Arrays.fill(kept[i], 0, cut, true);
            weight[i] = new float[length];
            for (int t = 1; t <= cut; t++) {
                weight[i][t - 1] = (float) (1 / law.kept(t, length));
            }
        }
        TokenSelection selection = TokenSelection.of(kept);
        return weighted ? selection.withWeight(weight) : selection;
    }

    /** {@code [size]} each uniform in [0, 1); one in each of {@code size} equal parts, in random order. */
    private static double[] stratified(int size, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] uniform = new double[size];
        for (int i = 0; i < size; i++) {
            // Fisher and Yates, from the inside out
            int j = random.nextInt(i + 1);
            uniform[i] = uniform[j];
            uniform[j] = i;
        }
        for (int i = 0; i < size; i++) {
            // the sum may round up to the size
            uniform[i] = Math.min((uniform[i] + random.nextDouble()) / size, Math.nextDown(1.0));
        }
        return uniform;
    }

    static final class Factory implements TokenSelectorFactory {
        @Override
        public String name() {
            return "prefix";
        }

        @Override
        public String description() {
            return "Each completion up to a random token, weighted so that the loss is unbiased (arXiv 2603.06619).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(
                    new ConfigKey.Real("whole", 0.5, 0, false, 1,
                            "[ours] share of the kept tokens that whole completions get; no weight is above"
                                    + " 1 / (whole * keep ratio)"),
                    HorvitzThompson.key());
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new PrefixTokens(config.real("whole"), HorvitzThompson.of(config));
        }
    }
}

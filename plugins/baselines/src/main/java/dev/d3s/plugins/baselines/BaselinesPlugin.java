package dev.d3s.plugins.baselines;

import java.util.List;

import dev.d3s.spi.Plugin;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.TokenSelectorFactory;

/** Selections to compare with. Found by {@link java.util.ServiceLoader}. */
public final class BaselinesPlugin implements Plugin {
    @Override
    public List<RolloutSelectorFactory> rolloutSelectors() {
        return List.of(new AllRollouts.Factory(), new PodsSelector.Factory(), RankedRollouts.Factory.RANDOM,
                RankedRollouts.Factory.MAX_REWARD, RankedRollouts.Factory.MAX_ABS_ADVANTAGE);
    }

    @Override
    public List<TokenSelectorFactory> tokenSelectors() {
        return List.of(new AllTokens.Factory(), RankedTokens.Factory.ENTROPY, RankedTokens.Factory.ABS_ADVANTAGE,
                new RandomTokens.Factory(), new PrefixTokens.Factory());
    }
}

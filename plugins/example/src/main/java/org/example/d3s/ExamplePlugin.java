package org.example.d3s;

import java.util.List;

import dev.d3s.spi.Plugin;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.ScheduleFactory;
import dev.d3s.spi.TokenSelectorFactory;

/** What this jar adds to a server. Named in META-INF/services, and in the native metadata beside it. */
public final class ExamplePlugin implements Plugin {
    @Override
    public List<RolloutSelectorFactory> rolloutSelectors() {
        return List.of(new NoRunaways.Factory());
    }

    @Override
    public List<TokenSelectorFactory> tokenSelectors() {
        return List.of(new SurprisingTokens.Factory());
    }

    @Override
    public List<ScheduleFactory> schedules() {
        return List.of(new HoldThenLinear.Factory());
    }

    @Override
    public List<RewardFunctionFactory> rewardFunctions() {
        return List.of(new LengthBudget.Factory());
    }
}

package dev.d3s.plugins.d3s;

import java.util.List;

import dev.d3s.spi.Plugin;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.ScheduleFactory;
import dev.d3s.spi.TokenSelectorFactory;

/** The selectors and schedules of D3S. Found by {@link java.util.ServiceLoader}. */
public final class D3sPlugin implements Plugin {
    @Override
    public List<RolloutSelectorFactory> rolloutSelectors() {
        return List.of(new CrossGroupSelector.Factory(), new IntraGroupSelector.Factory(),
                new AutoSelector.Factory());
    }

    @Override
    public List<TokenSelectorFactory> tokenSelectors() {
        return List.of(new AdvantageEntropySelector.Factory());
    }

    @Override
    public List<ScheduleFactory> schedules() {
        return List.of(new LinearSchedule.Factory(), new CosineSchedule.Factory(), new StepSchedule.Factory(),
                new ConstantSchedule.Factory());
    }
}

package dev.d3s.plugins.baselines;

import java.util.List;

import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.RolloutSelectorContract;
import dev.d3s.spi.RolloutSelectorFactory;

/** Every one that {@link BaselinesPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class RolloutSelectorsContractTest extends RolloutSelectorContract {
    private final RolloutSelectorFactory factory;

    RolloutSelectorsContractTest(RolloutSelectorFactory factory) {
        this.factory = factory;
    }

    static List<RolloutSelectorFactory> factories() {
        return new BaselinesPlugin().rolloutSelectors();
    }

    @Override
    protected RolloutSelectorFactory factory() {
        return factory;
    }
}

package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.RolloutSelectorContract;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelectorFactory;

/** Every one that {@link D3sPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class RolloutSelectorsContractTest extends RolloutSelectorContract {
    private final RolloutSelectorFactory factory;

    RolloutSelectorsContractTest(RolloutSelectorFactory factory) {
        this.factory = factory;
    }

    static List<RolloutSelectorFactory> factories() {
        return new D3sPlugin().rolloutSelectors();
    }

    @Override
    protected RolloutSelectorFactory factory() {
        return factory;
    }

    @Override
    protected int keepsAtMost(RolloutBatch batch, double keepRatio) {
        return switch (factory.name()) {
            case "d3s-cross" -> wanted(keepRatio, batch.size());
            case "d3s-intra" -> IntStream.range(0, batch.groupCount())
                .map(group -> (int) Arrays.stream(batch.group()).filter(of -> of == group).count())
                .map(size -> wanted(keepRatio, size))
                .sum();
            default -> super.keepsAtMost(batch, keepRatio);
        };
    }

    private static int wanted(double keepRatio, int size) {
        return (int) Math.max(1, Math.round(keepRatio * size));
    }
}

package dev.d3s.plugins.d3s;

import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.TokenSelectorContract;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelectorFactory;

/** Every one that {@link D3sPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class TokenSelectorsContractTest extends TokenSelectorContract {
    private final TokenSelectorFactory factory;

    TokenSelectorsContractTest(TokenSelectorFactory factory) {
        this.factory = factory;
    }

    static List<TokenSelectorFactory> factories() {
        return new D3sPlugin().tokenSelectors();
    }

    @Override
    protected TokenSelectorFactory factory() {
        return factory;
    }

    @Override
    protected int keepsAtMost(TokenBatch batch, double keepRatio) {
        // with scope rollout each rollout rounds up; with scope batch there are fewer
        return Arrays.stream(batch.entropy()).mapToInt(row -> (int) Math.ceil(keepRatio * row.length)).sum();
    }
}

package dev.d3s.plugins.baselines;

import java.util.List;

import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.TokenSelectorContract;
import dev.d3s.spi.TokenSelectorFactory;

/** Every one that {@link BaselinesPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class TokenSelectorsContractTest extends TokenSelectorContract {
    private final TokenSelectorFactory factory;

    TokenSelectorsContractTest(TokenSelectorFactory factory) {
        this.factory = factory;
    }

    static List<TokenSelectorFactory> factories() {
        return new BaselinesPlugin().tokenSelectors();
    }

    @Override
    protected TokenSelectorFactory factory() {
        return factory;
    }
}

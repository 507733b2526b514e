package org.example.d3s;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.api.Test;

import dev.d3s.plugins.testkit.TokenSelectorContract;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelectorFactory;

class SurprisingTokensTest extends TokenSelectorContract {
    @Override
    protected TokenSelectorFactory factory() {
        return new SurprisingTokens.Factory();
    }

    @Override
    protected int keepsAtMost(TokenBatch batch, double keepRatio) {
        return (int) Math.ceil(keepRatio * batch.tokenCount());
    }

    @Test
    void shouldKeepTheLeastLikelyTokens() {
        float[][] logprob = {{-0.1f, -3}, {-2, -0.5f, -4}};
        TokenBatch batch = new TokenBatch(new int[]{0, 0}, new double[]{1, -1}, logprob, logprob);
        assertArrayEquals(new boolean[][]{{false, true}, {false, false, true}},
                new SurprisingTokens().select(batch, 0.4, 7).kept());
    }
}

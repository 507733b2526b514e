package dev.d3s.plugins.baselines;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.TokenBatch;

class AllTest {
    @Test
    void shouldKeepEveryGradedRolloutAlsoWithoutAdvantage() {
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 1, 1}, 2, new double[]{1, 0, Double.NaN, 1},
                new double[]{0.7, -0.7, 0, 0}, new int[]{3, 3, 3, 3});
        assertThat(new AllRollouts().select(batch, 0.1, 1).kept()).containsExactly(0, 1, 3);
        assertThat(new AllRollouts().select(batch, 0.1, 1).advantage()).isNull();
    }

    @Test
    void shouldKeepEveryToken() {
        float[][] entropy = {new float[2], new float[3]};
        boolean[][] kept = new AllTokens().select(new TokenBatch(new int[2], new double[2], entropy, entropy), 0.1, 1)
            .kept();
        assertThat(kept).isDeepEqualTo(new boolean[][]{{true, true}, {true, true, true}});
    }
}

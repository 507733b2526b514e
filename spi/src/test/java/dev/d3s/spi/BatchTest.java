package dev.d3s.spi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BatchTest {
    @Test
    void shouldKnowWhichRolloutsWereGraded() {
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0}, 1, new double[]{0, Double.NaN}, new double[2],
                new int[2]);
        assertThat(batch.size()).isEqualTo(2);
        assertThat(batch.graded(0)).isTrue();
        assertThat(batch.graded(1)).isFalse();
    }

    @Test
    void shouldCountTokensOfRaggedRows() {
        float[][] entropy = {new float[3], new float[0], new float[4]};
        assertThat(new TokenBatch(new int[3], new double[3], entropy, entropy).tokenCount()).isEqualTo(7);
    }

    @Test
    void shouldOfferNothingUnlessAPluginSaysSo() {
        Plugin plugin = new Plugin() {
        };
        assertThat(plugin.rolloutSelectors()).isEmpty();
        assertThat(plugin.tokenSelectors()).isEmpty();
        assertThat(plugin.schedules()).isEmpty();
        assertThat(plugin.rewardFunctions()).isEmpty();
    }
}

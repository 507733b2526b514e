package org.example.d3s;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import dev.d3s.plugins.testkit.RolloutSelectorContract;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelectorFactory;

class NoRunawaysTest extends RolloutSelectorContract {
    @Override
    protected RolloutSelectorFactory factory() {
        return new NoRunaways.Factory();
    }

    @Override
    protected int keepsAtMost(RolloutBatch batch, double keepRatio) {
        return (int) Math.max(1, Math.round(keepRatio * batch.size()));
    }

    @Test
    void shouldLeaveOutWhatIsMuchLongerThanUsual() {
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 0, 0}, 1, new double[]{1, 0, 0.5, 0.2},
                new double[]{1.3, -0.9, 0.1, -0.5}, new int[]{90, 10, 12, 8});
        RolloutSelection selection = new NoRunaways(2).select(batch, 0.5, 7);
        assertArrayEquals(new int[]{1, 3}, selection.kept());
        assertEquals(1.0, selection.metrics().get("runaways"));
    }
}

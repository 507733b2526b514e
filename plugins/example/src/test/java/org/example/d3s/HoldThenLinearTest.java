package org.example.d3s;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import dev.d3s.plugins.testkit.ScheduleContract;
import dev.d3s.spi.ScheduleFactory;

class HoldThenLinearTest extends ScheduleContract {
    @Override
    protected ScheduleFactory factory() {
        return new HoldThenLinear.Factory();
    }

    @Test
    void shouldHoldAndThenMove() {
        HoldThenLinear schedule = new HoldThenLinear(0.5);
        assertEquals(0.2, schedule.at(5, 11, 0.2, 0.8), 1e-12);
        assertEquals(0.5, schedule.at(15, 21, 0.2, 0.8), 1e-12);
    }
}

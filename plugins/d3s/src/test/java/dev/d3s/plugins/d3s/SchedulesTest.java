package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class SchedulesTest {
    private final LinearSchedule linear = new LinearSchedule();

    @Test
    void shouldGoInAStraightLine() {
        assertThat(linear.at(0, 5, 0.25, 0.75)).isEqualTo(0.25);
        assertThat(linear.at(1, 5, 0.25, 0.75)).isCloseTo(0.375, within(1e-15));
        assertThat(linear.at(2, 5, 0.25, 0.75)).isCloseTo(0.5, within(1e-15));
        assertThat(linear.at(4, 5, 0.25, 0.75)).isEqualTo(0.75);
        assertThat(linear.at(3, 5, 1.0, 0.2)).isCloseTo(0.4, within(1e-15));
    }

    @Test
    void shouldStayAtTheStartInARunOfOneStep() {
        assertThat(linear.at(0, 1, 0.2, 1)).isEqualTo(0.2);
    }

    @Property
    void shouldStayBetweenItsEndsAndReachThem(@ForAll @IntRange(min = 2, max = 1000) int steps,
            @ForAll @IntRange(max = 999) int asked, @ForAll @DoubleRange(min = 0.01, max = 1) double from,
            @ForAll @DoubleRange(min = 0.01, max = 1) double to) {
        int step = Math.min(asked, steps - 1);
        assertThat(linear.at(step, steps, from, to)).isBetween(Math.min(from, to), Math.max(from, to));
        assertThat(linear.at(0, steps, from, to)).isEqualTo(from);
        assertThat(linear.at(steps - 1, steps, from, to)).isEqualTo(to);
        assertThat(new ConstantSchedule().at(step, steps, from, to)).isEqualTo(from);
    }
}

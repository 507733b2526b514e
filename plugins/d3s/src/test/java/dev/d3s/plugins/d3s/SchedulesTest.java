package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.spi.Schedule;
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
    void shouldGoInHalfACosineWave() {
        CosineSchedule cosine = new CosineSchedule();
        assertThat(cosine.at(0, 5, 0.25, 0.75)).isEqualTo(0.25);
        assertThat(cosine.at(1, 5, 0.25, 0.75)).isCloseTo(0.5 - 0.25 * Math.sqrt(0.5), within(1e-15));
        assertThat(cosine.at(2, 5, 0.25, 0.75)).isCloseTo(0.5, within(1e-15));
        assertThat(cosine.at(4, 5, 0.25, 0.75)).isEqualTo(0.75);
        assertThat(cosine.at(3, 5, 1.0, 0.2)).isCloseTo(0.6 - 0.4 * Math.sqrt(0.5), within(1e-15));
    }

    @Test
    void shouldJump() {
        assertThat(run(new StepSchedule(0.5, 1), 6)).containsExactly(0, 0, 0, 1, 1, 1);
        assertThat(run(new StepSchedule(0.5, 1), 5)).containsExactly(0, 0, 1, 1, 1);
        assertThat(run(new StepSchedule(0.5, 2), 9)).containsExactly(0, 0, 0, 0, 0.5, 0.5, 1, 1, 1);
        // 3 / 10 is not 0.3 in binary
        assertThat(run(new StepSchedule(0.3, 1), 11)).containsExactly(0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        assertThat(run(new StepSchedule(1, 3), 4)).containsExactly(0, 0, 0, 1);
        assertThat(run(new StepSchedule(1e-12, 1), 3)).containsExactly(0, 1, 1);
    }

    private static double[] run(Schedule schedule, int totalSteps) {
        return IntStream.range(0, totalSteps).mapToDouble(step -> schedule.at(step, totalSteps, 0, 1)).toArray();
    }

    /** All jumps are equal, none is left out, and the pauses between them differ by one step at most. */
    @Property
    void shouldSpreadItsJumpsEvenly(@ForAll @DoubleRange(min = 0.01, max = 1) double at,
            @ForAll @IntRange(min = 1, max = 8) int jumps, @ForAll @IntRange(min = 200, max = 400) int totalSteps) {
        double[] values = run(new StepSchedule(at, jumps), totalSteps);
        List<Integer> jumpSteps = IntStream.range(1, totalSteps)
            .filter(i -> values[i] != values[i - 1])
            .boxed()
            .toList();
        assertThat((double) jumpSteps.getFirst() / (totalSteps - 1)).isBetween(at - 1e-6, at + 1.0 / (totalSteps - 1));
        double pause = (1 - at) / jumps * (totalSteps - 1);
        if (pause >= 2) {
            assertThat(jumpSteps).hasSize(jumps);
            for (int j = 0; j < jumps; j++) {
                assertThat(values[jumpSteps.get(j)]).isCloseTo((j + 1.0) / jumps, within(1e-12));
                assertThat(jumpSteps.get(j) - jumpSteps.getFirst()).isBetween((int) Math.floor(j * pause) - 1,
                        (int) Math.ceil(j * pause) + 1);
            }
        }
    }

    static List<Schedule> all() {
        return List.of(new LinearSchedule(), new ConstantSchedule(), new CosineSchedule(), new StepSchedule(0.5, 1),
                new StepSchedule(0.1, 7), new StepSchedule(1, 2));
    }

    @ParameterizedTest
    @MethodSource("all")
    void shouldStayAtTheStartInARunOfOneStep(Schedule schedule) {
        assertThat(schedule.at(0, 1, 0.2, 1)).isEqualTo(0.2);
        assertThat(schedule.at(0, 1, 0.9, 0.1)).isEqualTo(0.9);
    }

    @Property
    void shouldMoveOneWayBetweenItsEndsAndReachThem(@ForAll @IntRange(min = 2, max = 300) int totalSteps,
            @ForAll @DoubleRange(min = 0.01, max = 1) double from,
            @ForAll @DoubleRange(min = 0.01, max = 1) double to) {
        for (Schedule schedule : all()) {
            double before = schedule.at(0, totalSteps, from, to);
            assertThat(before).isEqualTo(from);
            for (int step = 1; step < totalSteps; step++) {
                double value = schedule.at(step, totalSteps, from, to);
                assertThat(value).isBetween(Math.min(from, to), Math.max(from, to));
                assertThat(Math.signum(value - before)).isIn(0.0, -0.0, Math.signum(to - from));
                before = value;
            }
            assertThat(before).isEqualTo(schedule instanceof ConstantSchedule ? from : to);
        }
    }
}

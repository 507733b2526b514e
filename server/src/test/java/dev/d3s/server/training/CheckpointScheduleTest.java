package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import org.junit.jupiter.api.Test;

class CheckpointScheduleTest {
    private static List<Integer> checkpoints(int interval, double minutes, int steps, int secondsPerStep) {
        CheckpointSettings settings = new CheckpointSettings(interval, minutes, 0, "accuracy",
                CheckpointSettings.Best.MAX);
        // the clock passes the largest long meanwhile, as System.nanoTime may
        AtomicLong nanoseconds = new AtomicLong(Long.MAX_VALUE - 50_000_000_000L);
        CheckpointSchedule schedule = new CheckpointSchedule(settings, steps, nanoseconds::get);
        List<Integer> written = new ArrayList<>();
        for (int completed = 1; completed <= steps; completed++) {
            nanoseconds.addAndGet(secondsPerStep * 1_000_000_000L);
            if (schedule.due(completed)) {
                nanoseconds.addAndGet(1_000_000_000L);
                schedule.written();
                written.add(completed);
            }
        }
        return written;
    }

    @Test
    void shouldWriteOneEverySoManySteps() {
        assertThat(checkpoints(3, 0, 8, 1000)).containsExactly(3, 6, 8);
        assertThat(checkpoints(0, 0, 8, 1000)).containsExactly(8);
    }

    @Test
    void shouldWriteOneWhenSoMuchTimeHasPassedSinceTheLast() {
        assertThat(checkpoints(0, 0.5, 10, 12)).containsExactly(3, 6, 9, 10);
        assertThat(checkpoints(4, 0.5, 10, 12)).as("whichever comes first").containsExactly(3, 4, 7, 8, 10);
    }
}

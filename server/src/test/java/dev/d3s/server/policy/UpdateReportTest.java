package dev.d3s.server.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

class UpdateReportTest {
    @Test
    void shouldSumCountsAverageOverUpdatesAndTokensAndKeepTheLargest() {
        UpdateReport first = new UpdateReport(1, 2, 6, 30, 100, 120, 2, 0.4, 0, 1, 1, 1.5, 0.25, 4, 8);
        UpdateReport second = new UpdateReport(1, 4, 2, 10, 50, 60, 1, 0, 0.8, 5, 3, 3.5, 0.25, 2, 9);
        assertThat(UpdateReport.together(List.of(first, second))).isEqualTo(
                new UpdateReport(2, 3, 4, 40, 150, 180, 3, 12.0 / 40, 8.0 / 40, 2, 1.5, 3.5, 0.25, 4, 9));
        assertThat(UpdateReport.together(List.of(first))).isSameAs(first);
    }
}

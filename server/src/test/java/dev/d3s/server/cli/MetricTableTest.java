package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalDouble;

import org.junit.jupiter.api.Test;

class MetricTableTest {
    @Test
    void shouldReadColumnsByName() {
        MetricTable table = MetricTable
            .parse("step,accuracy,seconds_update\r\n-1,0.0,\r\n0,,1.5\r\n1,0.25,2.5\r\n2,,\r\n");

        assertThat(table.at("accuracy", -1)).isEqualTo(OptionalDouble.of(0));
        assertThat(table.at("accuracy", 0)).isEmpty();
        assertThat(table.last("accuracy")).isEqualTo(OptionalDouble.of(0.25));
        assertThat(table.sum("seconds_update")).isEqualTo(4);
        assertThat(table.last("unknown")).isEmpty();
        assertThat(table.sum("unknown")).isZero();
        assertThat(MetricTable.parse("").last("accuracy")).isEmpty();
    }
}

package dev.d3s.server.api;

import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.job.MetricSeries;

/**
 * Metrics as columns.
 *
 * @param steps {@code [S]} -1 is the evaluation before training
 * @param metrics per name {@code [S]}, {@code null} where a step did not report it
 */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "FineTuningJobMetrics")
record MetricsObject(String object, String fineTuningJobId, List<Integer> steps,
        Map<String, List<@Nullable Double>> metrics) {
    static MetricsObject of(String job, MetricSeries series) {
        return new MetricsObject("fine_tuning.job.metrics", job, series.steps(), series.values());
    }

    /** A header, then a line per step; an empty field where a step did not report the metric. */
    static String csv(MetricSeries series) {
        StringBuilder text = new StringBuilder("step");
        series.values().keySet().forEach(name -> text.append(',').append(name));
        text.append('\n');
        for (int row = 0; row < series.steps().size(); row++) {
            text.append(series.steps().get(row));
            for (List<@Nullable Double> column : series.values().values()) {
                Double value = column.get(row);
                text.append(',').append(value == null ? "" : value);
            }
            text.append('\n');
        }
        return text.toString();
    }
}

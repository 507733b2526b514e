package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.cli.Comparison.Reach;
import dev.d3s.server.cli.Comparison.Summary;
import dev.d3s.server.cli.Comparison.Target;
import dev.d3s.server.cli.RunFigures.Cost;

/** A comparison as tables for programs: full precision, empty where there is nothing, RFC 4180. */
final class ComparisonCsv {
    private ComparisonCsv() {}

    /** A row per variant. */
    static String presets(Comparison comparison) {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Summary summary : comparison.summaries()) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("preset", summary.variant().name());
            row.put("runs", summary.succeeded());
            row.put("failed", summary.failed());
            row.put("start_accuracy", summary.startAccuracy().mean());
            estimate(row, "final_accuracy", summary.finalAccuracy());
            estimate(row, "difference", summary.difference());
            reach(row, "to_90_percent_", summary.ninety());
            reach(row, "to_one_point_", summary.onePoint());
            cost(row, "whole_", summary.whole());
            cost(row, "whole_ratio_", summary.wholeRatio());
            row.put("gradient_norm", summary.gradientNorm());
            row.put("advantage_variance", summary.advantageVariance());
            row.put("advantage_variance_kept", summary.advantageVarianceKept());
            row.put("entropy_first", summary.entropyFirst());
            row.put("entropy_last", summary.entropyLast());
            row.put("skipped_steps", summary.skippedSteps());
            row.put("expectation", summary.variant().equals(Variant.BASELINE)
                    ? ""
                    : Verdict.of(summary).outcome().words());
            rows.add(row);
        }
        return write(rows);
    }

    /** A row per run, in the order in which they ran; a failed one has only its error. */
    static String runs(Comparison comparison) {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (ComparedRun run : comparison.runs()) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("preset", run.variant().name());
            row.put("seed", run.seed());
            row.put("place", run.place());
            row.put("status", run.failure() == null ? "succeeded" : "failed");
            row.put("error", run.failure() == null ? "" : run.failure());
            Optional<RunFigures> figures = run.figures();
            Optional<RunFigures> baseline = figures.flatMap(own -> comparison.baseline(run.seed()));
            row.put("start_accuracy", number(figures, RunFigures::startAccuracy));
            row.put("final_accuracy", number(figures, RunFigures::finalAccuracy));
            row.put("difference", number(figures, own -> own.finalAccuracy()
                    - number(baseline, RunFigures::finalAccuracy)));
            reached(row, "to_90_percent_", Target.NINETY, figures, baseline);
            reached(row, "to_one_point_", Target.ONE_POINT, figures, baseline);
            cost(row, "whole_", figures.map(RunFigures::whole).orElse(null));
            row.put("gradient_norm", number(figures, RunFigures::gradientNorm));
            row.put("advantage_variance", number(figures, RunFigures::advantageVariance));
            row.put("advantage_variance_kept", number(figures, RunFigures::advantageVarianceKept));
            row.put("entropy_first", number(figures, RunFigures::entropyFirst));
            row.put("entropy_last", number(figures, RunFigures::entropyLast));
            row.put("skipped_steps", number(figures, own -> (double) own.skippedSteps()));
            rows.add(row);
        }
        return write(rows);
    }

    /** A row per step of each run, with every metric as the server gave it; a failed run's too, as far as it came. */
    static String steps(Comparison comparison) {
        Set<String> metrics = new LinkedHashSet<>();
        comparison.runs().forEach(run -> metrics.addAll(run.metrics().names()));
        metrics.remove("step");
        List<Map<String, Object>> rows = new ArrayList<>();
        for (ComparedRun run : comparison.runs()) {
            for (MetricTable.Row step : run.metrics().rows()) {
                Map<String, Object> row = new LinkedHashMap<>();
                row.put("preset", run.variant().name());
                row.put("seed", run.seed());
                row.put("step", step.step());
                metrics.forEach(metric -> row.put(metric, step.text(metric)));
                rows.add(row);
            }
        }
        return write(rows);
    }

    private static void estimate(Map<String, Object> row, String name, Estimate estimate) {
        row.put(name, estimate.mean());
        row.put(name + "_low", estimate.low());
        row.put(name + "_high", estimate.high());
    }

    private static void reach(Map<String, Object> row, String prefix, Reach reach) {
        row.put(prefix + "seeds", reach.seeds());
        row.put(prefix + "missed", reach.missed());
        cost(row, prefix, reach.cost());
        row.put(prefix + "trained_ratio", reach.trainedRatio());
        row.put(prefix + "trained_ratio_worst", reach.trainedRatioWorst());
        row.put(prefix + "update_ratio", reach.updateRatio());
        row.put(prefix + "update_ratio_worst", reach.updateRatioWorst());
        row.put(prefix + "seconds_ratio", reach.secondsRatio());
    }

    /** The target, whether it was reached, and at what cost. */
    private static void reached(Map<String, Object> row, String prefix, Target target, Optional<RunFigures> figures,
            Optional<RunFigures> baseline) {
        Optional<Double> accuracy = baseline.flatMap(target::of);
        Optional<Cost> cost = accuracy.flatMap(value -> figures.flatMap(own -> own.costOf(value)));
        row.put(prefix + "accuracy", accuracy.orElse(Double.NaN));
        row.put(prefix + "reached", accuracy.isEmpty() ? "" : cost.isPresent());
        cost(row, prefix, cost.orElse(null));
    }

    private static void cost(Map<String, Object> row, String prefix, @Nullable Cost cost) {
        row.put(prefix + "steps", cost == null ? "" : cost.steps());
        row.put(prefix + "generated_tokens", cost == null ? "" : cost.generatedTokens());
        row.put(prefix + "trained_tokens", cost == null ? "" : cost.trainedTokens());
        row.put(prefix + "update_seconds", cost == null ? "" : cost.updateSeconds());
        row.put(prefix + "seconds", cost == null ? "" : cost.seconds());
    }

    private static double number(Optional<RunFigures> figures, Function<RunFigures, Double> figure) {
        return figures.map(figure).orElse(Double.NaN);
    }

    private static String write(List<Map<String, Object>> rows) {
        if (rows.isEmpty()) {
            return "";
        }
        StringBuilder text = new StringBuilder(String.join(",", rows.getFirst().keySet())).append("\r\n");
        for (Map<String, Object> row : rows) {
            text.append(row.values().stream().map(ComparisonCsv::cell).collect(Collectors.joining(","))).append("\r\n");
        }
        return text.toString();
    }

    private static String cell(Object value) {
        if (value instanceof Double number) {
            return Double.isFinite(number) ? number.toString() : "";
        }
        String text = value.toString();
        return text.matches("[^\",\r\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"";
    }
}

package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import dev.d3s.server.cli.Comparison.Reach;
import dev.d3s.server.cli.Comparison.Summary;

/**
 * Figures of a comparison for people, a row per variant.
 *
 * @param note what one must know to read it
 * @param rows a cell per column; the first names the variant
 */
record FigureTable(String title, String note, List<String> columns, List<List<String>> rows) {
    /** A column's heading and what stands below it. */
    private record Column(String name, Function<Summary, String> cell) {}

    FigureTable {
        columns = List.copyOf(columns);
        rows = List.copyOf(rows);
    }

    static List<FigureTable> of(Comparison comparison) {
        List<Summary> summaries = comparison.summaries();
        return List.of(accuracy(summaries),
                reach(summaries, "To 90 % of GRPO's final accuracy", Summary::ninety),
                reach(summaries, "To GRPO's final accuracy less one point", Summary::onePoint),
                whole(summaries), signal(summaries));
    }

    private static FigureTable accuracy(List<Summary> summaries) {
        return of("Held-out accuracy", "Greedy, on held-out problems; final is the mean of the last "
                + RunFigures.FINAL_EVALUATIONS + " evaluations. The mean over seeds, its 95 % interval (Student's t) in"
                + " points, and the difference to GRPO's on the same seed.", summaries,
                new Column("start", each -> Words.percent(each.startAccuracy().mean())),
                new Column("final", each -> Words.percent(each.finalAccuracy().mean())),
                new Column("interval", each -> Words.interval(each.finalAccuracy())),
                new Column("less GRPO", each -> baseline(each) ? Words.NONE : difference(each.difference().mean())),
                new Column("interval", each -> baseline(each) ? Words.NONE : Words.interval(each.difference())),
                new Column("runs", each -> each.failed() == 0
                        ? Integer.toString(each.succeeded())
                        : each.succeeded() + ", " + each.failed() + " failed"));
    }

    private static boolean baseline(Summary summary) {
        return summary.variant().equals(Variant.BASELINE);
    }

    private static String difference(double mean) {
        return Words.difference(new Estimate(1, mean, Double.NaN, mean, mean));
    }

    private static FigureTable reach(List<Summary> summaries, String title, Function<Summary, Reach> reach) {
        return of(title,
                "What it took to the first evaluation that reached it, as a mean over the seeds that did; missed:"
                        + " the seeds that never did, whose cost is in no mean. of GRPO: over what GRPO took itself.",
                summaries,
                new Column("steps", each -> Words.decimal(reach.apply(each).cost().steps(), 1)),
                new Column("generated", each -> Words.count(reach.apply(each).cost().generatedTokens())),
                new Column("trained", each -> Words.count(reach.apply(each).cost().trainedTokens())),
                new Column("of GRPO", each -> Words.share(reach.apply(each).trainedRatio())),
                new Column("update s", each -> Words.decimal(reach.apply(each).cost().updateSeconds(), 2)),
                new Column("of GRPO", each -> Words.share(reach.apply(each).updateRatio())),
                new Column("seconds", each -> Words.decimal(reach.apply(each).cost().seconds(), 2)),
                new Column("of GRPO", each -> Words.share(reach.apply(each).secondsRatio())),
                new Column("missed", each -> reach.apply(each).seeds() == 0
                        ? Words.NONE
                        : reach.apply(each).missed() + " of " + reach.apply(each).seeds()));
    }

    private static FigureTable whole(List<Summary> summaries) {
        return of("A whole run", "Tokens and seconds of all steps; seconds are rollout, grading, selection, update and"
                + " refresh, without evaluation.", summaries,
                new Column("generated", each -> Words.count(each.whole().generatedTokens())),
                new Column("trained", each -> Words.count(each.whole().trainedTokens())),
                new Column("of GRPO", each -> Words.share(each.wholeRatio().trainedTokens())),
                new Column("update s", each -> Words.decimal(each.whole().updateSeconds(), 1)),
                new Column("of GRPO", each -> Words.share(each.wholeRatio().updateSeconds())),
                new Column("seconds", each -> Words.decimal(each.whole().seconds(), 1)),
                new Column("of GRPO", each -> Words.share(each.wholeRatio().seconds())));
    }

    private static FigureTable signal(List<Summary> summaries) {
        return of("What the steps were like", "Gradient norm before clipping and Var(A), the variance of the advantage"
                + " before and after selection: means over the steps that updated. Entropy of a token in nats, first step"
                + " and last. Skipped: steps in which nothing was informative.", summaries,
                new Column("gradient norm", each -> Words.decimal(each.gradientNorm(), 2)),
                new Column("Var(A) before", each -> Words.decimal(each.advantageVariance(), 2)),
                new Column("after", each -> Words.decimal(each.advantageVarianceKept(), 2)),
                new Column("entropy first", each -> Words.decimal(each.entropyFirst(), 3)),
                new Column("last", each -> Words.decimal(each.entropyLast(), 3)),
                new Column("skipped", each -> Words.decimal(each.skippedSteps(), 1)));
    }

    private static FigureTable of(String title, String note, List<Summary> summaries, Column... columns) {
        List<String> names = new ArrayList<>(List.of("preset"));
        for (Column column : columns) {
            names.add(column.name);
        }
        List<List<String>> rows = new ArrayList<>();
        for (Summary summary : summaries) {
            List<String> row = new ArrayList<>(List.of(summary.variant().name()));
            for (Column column : columns) {
                row.add(column.cell.apply(summary));
            }
            rows.add(row);
        }
        return new FigureTable(title, note, names, rows);
    }

    /** With a line per row, columns aligned. */
    String text() {
        int[] width = new int[columns.size()];
        List<List<String>> lines = new ArrayList<>(List.of(columns));
        lines.addAll(rows);
        for (List<String> line : lines) {
            for (int column = 0; column < width.length; column++) {
                width[column] = Math.max(width[column], line.get(column).length());
            }
        }
        StringBuilder text = new StringBuilder(title).append('\n');
        for (List<String> line : lines) {
            text.append("  ").append(line.getFirst()).repeat(" ", width[0] - line.getFirst().length());
            for (int column = 1; column < width.length; column++) {
                text.append("  ").repeat(" ", width[column] - line.get(column).length()).append(line.get(column));
            }
            text.append('\n');
        }
        return text.toString();
    }
}

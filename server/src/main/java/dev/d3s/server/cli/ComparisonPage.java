package dev.d3s.server.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A comparison as one HTML file that needs nothing else: text and tables as they are, curves as data that a script in the page draws with uPlot. Templates, styles and
 * scripts are resources under {@code comparison/}; uPlot's files come there in the build.
 */
final class ComparisonPage {
    private static final Pattern PLACE = Pattern.compile("@\\{([a-z.]+)}");
    private static final int INTERVAL_SEEDS = 3;

    private ComparisonPage() {}

    /** What a chart has along its abscissa. */
    private enum Abscissa {
        STEPS("steps", cost -> cost.steps()), TRAINED_TOKENS("trained tokens",
                cost -> cost.trainedTokens()), UPDATE_SECONDS("update seconds", cost -> cost.updateSeconds());

        private final String words;
        private final ToDoubleFunction<RunFigures.Cost> of;

        Abscissa(String words, ToDoubleFunction<RunFigures.Cost> of) {
            this.words = words;
            this.of = of;
        }
    }

    /**
     * One of the page's charts.
     *
     * @param metric its ordinate
     * @param share whether that is between 0 and 1
     */
    private record Chart(String title, String metric, Abscissa abscissa, boolean logX, boolean logY, boolean share) {}

    private static final List<Chart> CHARTS = List.of(
            new Chart("Held-out accuracy over trained tokens", "accuracy", Abscissa.TRAINED_TOKENS, true, false, true),
            new Chart("Held-out accuracy over update seconds", "accuracy", Abscissa.UPDATE_SECONDS, false, false, true),
            new Chart("Held-out accuracy over steps", "accuracy", Abscissa.STEPS, false, false, true),
            new Chart("Gradient norm before clipping", "gradient_norm", Abscissa.STEPS, false, true, false),
            new Chart("Var(A) after selection", "advantage_variance_kept", Abscissa.STEPS, false, false, false),
            new Chart("Entropy of a token, nats", "entropy", Abscissa.STEPS, false, false, false),
            new Chart("Kept rollouts, share of all", "kept_rollout_ratio", Abscissa.STEPS, false, false, true),
            new Chart("Kept tokens, share of those of kept rollouts", "kept_token_ratio", Abscissa.STEPS, false, false,
                    true));

    /**
     * Writes the page.
     *
     * @param date when, for people
     * @param name of the file without its ending
     */
    static String of(Comparison comparison, String date, String name) {
        Comparison.Setting setting = comparison.setting();
        Map<String, String> parts = Map.ofEntries(Map.entry("title", "D3S: presets compared"), //
                Map.entry("setting", escape(setting(comparison))), //
                Map.entry("headline", prose(Verdict.headline(comparison))),
                Map.entry("caution", prose(Verdict.caution(comparison))),
                Map.entry("expectation", prose(Verdict.EXPECTATION)), //
                Map.entry("warnings", warnings(comparison)), //
                Map.entry("verdicts", verdicts(comparison)),
                Map.entry("tables",
                        FigureTable.of(comparison).stream().map(ComparisonPage::table).collect(Collectors.joining())),
                Map.entry("band", prose(band(comparison.seeds().size()))),
                Map.entry("interval", Integer.toString(setting.evaluationInterval())), //
                Map.entry("date", escape(date)), //
                Map.entry("name", escape(name)), //
                // no < can end the script element
                Map.entry("data", data(comparison).toString().replace("<", "\\u003c")));
        return PLACE.matcher(resource("page.html"))
            .replaceAll(place -> Matcher.quoteReplacement(part(parts, place.group(1))));
    }

    private static String part(Map<String, String> parts, String name) {
        return switch (name) {
            case "page.css", "page.js" -> resource(name);
            case "uplot.css" -> resource("uplot/uPlot.min.css");
            case "uplot.js" -> "/*\n" + resource("uplot/LICENSE") + "*/\n" + resource("uplot/uPlot.iife.min.js");
            default -> {
                String part = parts.get(name);
                if (part == null) {
                    throw new IllegalStateException("page.html has an unknown place: " + name);
                }
                yield part;
            }
        };
    }

    static String resource(String name) {
        String path = "/comparison/" + name;
        try (InputStream stream = ComparisonPage.class.getResourceAsStream(path)) {
            if (stream == null) {
                throw new IllegalStateException("The resource " + path + " is missing from this build.");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException("The resource " + path + " cannot be read.", e);
        }
    }

    static String escape(String text) {
        return text.replace("&", "&amp;")
            .replace("<", "&lt;")
            .replace(">", "&gt;")
            .replace("\"", "&quot;")
            .replace("'", "&#39;");
    }

    /** Text for lines that break, though not inside a number with its unit. */
    private static String prose(String text) {
        return escape(text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0"));
    }

    /** What all runs have in common, in one sentence. */
    static String setting(Comparison comparison) {
        Comparison.Setting setting = comparison.setting();
        long first = comparison.seeds().getFirst();
        long last = comparison.seeds().getLast();
        return String.format(Locale.ROOT,
                "Three-digit sums, %s start, %s, %d steps of %d prompts with %d rollouts each, learning rate %s,"
                        + " evaluated every %d steps on %d held-out problems",
                setting.start().name().toLowerCase(Locale.ROOT),
                first == last ? "seed " + first : "seeds " + first + " to " + last, setting.steps(),
                setting.size().promptsPerStep(), setting.size().groupSize(),
                // 2.0E-4 as 2e-4
                Double.toString(setting.learningRate()).replace(".0E", "e").replace('E', 'e'),
                setting.evaluationInterval(), setting.size().evaluatedRows());
    }

    private static String band(int seeds) {
        if (seeds >= INTERVAL_SEEDS) {
            return "The band is the 95 % interval of that mean (Student's t).";
        }
        return seeds == 2 ? "The band goes from one seed to the other." : "One seed has no band.";
    }

    private static String warnings(Comparison comparison) {
        StringBuilder html = new StringBuilder();
        if (comparison.missing() > 0) {
            html.append("<p class=\"warning\">Unfinished: ")
                .append(comparison.runs().size())
                .append(" of ")
                .append(comparison.runs().size() + comparison.missing())
                .append(" runs have ended.</p>\n");
        }
        for (ComparedRun run : comparison.failures()) {
            html.append("<p class=\"warning\">Failed: ")
                .append(escape(run.variant().name()))
                .append(" on seed ")
                .append(run.seed())
                .append(": ")
                .append(escape(String.valueOf(run.failure())))
                .append("</p>\n");
        }
        return html.toString();
    }

    private static String verdicts(Comparison comparison) {
        StringBuilder html = new StringBuilder("<dl>\n");
        for (Verdict verdict : Verdict.of(comparison)) {
            String words = verdict.words();
            String outcome = verdict.outcome().words();
            html.append("<dt>")
                .append(escape(verdict.summary().variant().name()))
                .append("</dt><dd class=\"")
                .append(verdict.outcome().name().toLowerCase(Locale.ROOT))
                .append("\"><b>")
                .append(escape(outcome))
                .append("</b>")
                .append(prose(words.substring(outcome.length())))
                .append("</dd>\n");
        }
        return html.append("</dl>").toString();
    }

    private static String table(FigureTable table) {
        StringBuilder html = new StringBuilder("<div class=\"figures\"><h3>").append(escape(table.title()))
            .append("</h3>\n<p class=\"note\">")
            .append(prose(table.note()))
            .append("</p>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
        table.columns().forEach(column -> html.append("<th scope=\"col\">").append(escape(column)).append("</th>"));
        html.append("</tr></thead>\n<tbody>\n");
        for (List<String> row : table.rows()) {
            html.append("<tr><th scope=\"row\">").append(escape(row.getFirst())).append("</th>");
            row.subList(1, row.size()).forEach(cell -> html.append("<td>").append(escape(cell)).append("</td>"));
            html.append("</tr>\n");
        }
        return html.append("</tbody></table></div></div>\n").toString();
    }

    // ---------------------------------------------------------------- curves

    /** The names, and per chart a series per name. */
    static ObjectNode data(Comparison comparison) {
        ObjectNode data = ApiClient.JSON.createObjectNode();
        ArrayNode presets = data.putArray("presets");
        comparison.variants()
            .forEach(variant -> presets.addObject()
                .put("name", variant.name())
                .put("baseline", variant.equals(Variant.BASELINE)));
        ArrayNode charts = data.putArray("charts");
        for (Chart chart : CHARTS) {
            ObjectNode node = charts.addObject()
                .put("title", chart.title)
                .put("metric", chart.metric)
                .put("x", chart.abscissa.words)
                .put("logX", chart.logX)
                .put("logY", chart.logY)
                .put("share", chart.share);
            ArrayNode series = node.putArray("series");
            comparison.variants().forEach(variant -> series.add(series(comparison, variant, chart)));
        }
        return data;
    }

    /** Where one run is at a step. */
    private record Point(double x, double y) {}

    private static ObjectNode series(Comparison comparison, Variant variant, Chart chart) {
        SortedMap<Integer, List<Point>> byStep = new TreeMap<>();
        comparison.runs()
            .stream()
            .filter(run -> run.variant().equals(variant) && run.failure() == null)
            .forEach(run -> collect(run.metrics(), chart, byStep));
        ObjectNode node = ApiClient.JSON.createObjectNode();
        ArrayNode x = node.putArray("x");
        ArrayNode mean = node.putArray("mean");
        ArrayNode low = node.putArray("low");
        ArrayNode high = node.putArray("high");
        byStep.values().forEach(points -> {
            Estimate estimate = Estimate.of(points.stream().map(Point::y).toList());
            boolean interval = estimate.count() >= INTERVAL_SEEDS;
            x.add(points.stream().mapToDouble(Point::x).average().orElse(Double.NaN));
            mean.add(estimate.mean());
            low.add(edge(chart, estimate, interval ? estimate.low() : estimate.min()));
            high.add(edge(chart, estimate, interval ? estimate.high() : estimate.max()));
        });
        return node;
    }

    /** An end of the band, within what the ordinate can show; {@code null} with a single value. */
    private static @Nullable Double edge(Chart chart, Estimate estimate, double value) {
        if (estimate.count() < 2) {
            return null;
        }
        if (chart.share) {
            return Math.clamp(value, 0, 1);
        }
        return chart.logY ? Math.max(value, estimate.min() / 2) : value;
    }

    private static void collect(MetricTable metrics, Chart chart, SortedMap<Integer, List<Point>> byStep) {
        RunFigures.Cost cost = RunFigures.Cost.NOTHING;
        for (MetricTable.Row row : metrics.rows()) {
            cost = row.step() < 0 ? cost : cost.after(row);
            double x = chart.abscissa.of.applyAsDouble(cost);
            double y = row.value(chart.metric).orElse(Double.NaN);
            boolean drawn = Double.isFinite(y) && (!chart.logX || x > 0) && (!chart.logY || y > 0);
            if (drawn) {
                byStep.computeIfAbsent(row.step(), step -> new ArrayList<>()).add(new Point(x, y));
            }
        }
    }
}

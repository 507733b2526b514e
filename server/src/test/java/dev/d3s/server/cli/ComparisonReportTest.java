package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

class ComparisonReportTest {
    @TempDir
    Path directory;
    private final Comparison small = Comparisons.small();
    private Locale before;

    @BeforeEach
    void countInGerman() {
        before = Locale.getDefault();
        Locale.setDefault(Locale.GERMANY);
    }

    @AfterEach
    void countAsBefore() {
        Locale.setDefault(before);
    }

    @Test
    void shouldWriteAPageAndThreeTables() throws IOException {
        ComparisonReport report = new ComparisonReport(directory.resolve("out.html"));
        report.write(small, "2026-01-02");
        report.write(small, "2026-01-02");

        assertThat(report.files()).allSatisfy(file -> assertThat(file).isNotEmptyFile());
        try (var files = Files.list(directory)) {
            assertThat(files).extracting(file -> file.getFileName().toString())
                .containsExactlyInAnyOrder("out.html", "out.csv", "out-runs.csv", "out-steps.csv");
        }
    }

    @Test
    void shouldHaveARowPerPreset() {
        MetricTable table = MetricTable.parse(ComparisonCsv.presets(small));

        assertThat(table.rows()).extracting(row -> row.text("preset"))
            .containsExactly("grpo", "d3s", "d3s:rollouts=0.5");
        MetricTable.Row d3s = table.rows().get(1);
        assertThat(d3s.value("runs")).hasValue(3);
        assertThat(d3s.value("final_accuracy").getAsDouble()).isEqualTo(1.57 / 3, within(1e-15));
        assertThat(d3s.value("difference_low").getAsDouble()).isEqualTo(-0.13 / 3 - 0.127477, within(1e-6));
        assertThat(d3s.value("to_90_percent_steps")).hasValue(2);
        assertThat(d3s.value("to_90_percent_missed")).hasValue(1);
        assertThat(d3s.value("to_one_point_trained_ratio")).hasValue(800 / 3000.0);
        assertThat(d3s.value("whole_ratio_seconds")).hasValue(0.75);
        assertThat(d3s.value("gradient_norm")).hasValue(2.5);
        assertThat(d3s.text("expectation")).isEqualTo("not met");
        MetricTable.Row failed = table.rows().get(2);
        assertThat(failed.value("failed")).hasValue(1);
        assertThat(failed.text("final_accuracy")).isEmpty();
        assertThat(failed.text("to_90_percent_steps")).isEmpty();
    }

    @Test
    void shouldHaveARowPerRunWithTheFailedOneMarked() {
        String csv = ComparisonCsv.runs(small);
        MetricTable table = MetricTable.parse(csv);

        assertThat(table.rows()).hasSize(7);
        MetricTable.Row first = table.rows().get(1);
        assertThat(first.text("preset")).isEqualTo("d3s");
        assertThat(first.text("status")).isEqualTo("succeeded");
        assertThat(first.value("to_90_percent_accuracy").getAsDouble()).isEqualTo(0.81, within(1e-12));
        assertThat(first.text("to_90_percent_reached")).isEqualTo("true");
        assertThat(first.text("to_90_percent_trained_tokens")).isEqualTo("400.0");
        MetricTable.Row missed = table.rows().get(3);
        assertThat(missed.text("to_90_percent_reached")).isEqualTo("false");
        assertThat(missed.text("to_90_percent_steps")).isEmpty();
        MetricTable.Row noTarget = table.rows().get(5);
        assertThat(noTarget.text("to_90_percent_reached")).isEmpty();
        assertThat(csv).contains(",failed,\"job ftjob-9 is failed: <b>\"\"loss\"\" is NaN</b>, & more\",,,");
    }

    @Test
    void shouldHaveEveryMetricOfEveryStepAsTheServerWroteIt() {
        String csv = ComparisonCsv.steps(small);

        assertThat(csv.lines().findFirst()).hasValue("preset,seed,step,accuracy,gradient_norm,advantage_variance,"
                + "advantage_variance_kept,entropy,kept_rollout_ratio,kept_token_ratio,generated_tokens,trained_tokens,"
                + "skipped,seconds_rollout,seconds_grade,seconds_select,seconds_update,seconds_refresh,seconds_eval");
        assertThat(csv.lines()).hasSize(1 + 6 * 5 + 2)
            .contains("d3s,1,0,0.3,1.0,0.75,1.5,0.5,0.5,0.25,1000,200,0.0,0.5,0.125,0.125,0.5,0.25,1.0")
            .contains("d3s:rollouts=0.5,0,-1,0.25,,,,,,,,,,,,,,,1.0");
    }

    @Test
    void shouldHoldTheCurvesAsData() throws IOException {
        JsonNode data = data(ComparisonPage.of(small, "2026-01-02", "out"));

        assertThat(data.at("/presets/0/name").asText()).isEqualTo("grpo");
        assertThat(data.at("/presets/0/baseline").asBoolean()).isTrue();
        assertThat(data.path("charts")).hasSize(8);
        JsonNode overTokens = data.path("charts").get(0);
        assertThat(overTokens.path("metric").asText()).isEqualTo("accuracy");
        JsonNode d3s = overTokens.path("series").get(1);
        assertThat(d3s.path("x").toString()).as("the start has no tokens, and no place on a logarithmic axis")
            .isEqualTo("[200.0,400.0,600.0,800.0]");
        assertThat(d3s.path("mean").get(0).asDouble()).isEqualTo((0.4 + 0.3 + 0.3) / 3, within(1e-12));
        // s = .057735, 4.302653 * .057735 / sqrt(3) = .143422
        assertThat(d3s.path("high").get(0).asDouble()).isEqualTo(1 / 3.0 + 0.143422, within(1e-6));
        assertThat(overTokens.path("series").get(0).path("high").get(3).asDouble()).as("no accuracy is above 1")
            .isEqualTo(1);
        JsonNode overSteps = data.path("charts").get(2);
        assertThat(overSteps.path("series").get(0).path("x").toString()).isEqualTo("[0.0,1.0,2.0,3.0,4.0]");
        JsonNode overSeconds = data.path("charts").get(1);
        assertThat(overSeconds.path("series").get(1).path("x").toString()).isEqualTo("[0.0,0.5,1.0,1.5,2.0]");
        assertThat(overSteps.path("series").get(2).path("x")).as("a failed run is not drawn").isEmpty();
    }

    @Test
    void shouldDrawTheRangeOfTwoSeedsAndNoBandOfOne() throws IOException {
        Comparison two = Comparisons.of(Comparisons.grpo(0, 0.1, 0.4), Comparisons.grpo(1, 0.2, 0.6));
        JsonNode both = data(ComparisonPage.of(two, "", "")).at("/charts/2/series/0");
        assertThat(both.path("low").get(1).asDouble()).isEqualTo(0.4);
        assertThat(both.path("high").get(1).asDouble()).isEqualTo(0.6);

        Comparison one = Comparisons.of(Comparisons.grpo(0, 0.1, 0.4));
        assertThat(data(ComparisonPage.of(one, "", "")).at("/charts/2/series/0/low").toString())
            .isEqualTo("[null,null]");
    }

    @Test
    void shouldEscapeWhatItDidNotWriteItself() throws IOException {
        Variant nasty = new Variant("</script><img src=x onerror='alert(\"1\")'>&", "d3s", java.util.Map.of());
        String page = ComparisonPage.of(Comparisons.of(Comparisons.grpo(0, 0.1, 0.4),
                Comparisons.run(nasty, 0, null, Comparisons.csv(1, 1, 0.1, 0.2)),
                Comparisons.run(nasty, 1, "<i>failed</i> @{data}", "")), "2026-01-02", "o<u>t");

        assertThat(page).doesNotContain("<img")
            .doesNotContain("<i>")
            .doesNotContain("o<u>t")
            .contains("&lt;/script&gt;&lt;img src=x onerror=&#39;alert(&quot;1&quot;)&#39;&gt;&amp;")
            .contains("&lt;i&gt;failed&lt;/i&gt; @{data}");
        assertThat(Pattern.compile("</script>").matcher(page).results()).hasSize(3);
        assertThat(data(page).at("/presets/1/name").asText()).isEqualTo(nasty.name());
    }

    @Test
    void shouldNeedNothingElse() {
        String page = ComparisonPage.of(small, "2026-01-02", "out");

        assertThat(page).contains("uPlot")
            .contains("MIT License")
            .contains("2026-01-02")
            .contains("out-steps.csv")
            .contains("<th scope=\"row\">d3s</th><td>25.0 %</td><td>52.3 %</td><td>± 83.4</td>")
            .contains("Failed: d3s:rollouts=0.5 on seed 0")
            .contains("Unfinished: 7 of 9 runs have ended.")
            .contains("Three-digit sums, usual start, seeds 0 to 2, 4 steps of 16 prompts with 16 rollouts each,"
                    + " learning rate 2e-4, evaluated every 1 steps on 256 held-out problems");
        Matcher loaded = Pattern.compile("(?:src|href)\\s*=\\s*\"?([^\" >]+)|url\\(|@import|fetch\\(").matcher(page);
        assertThat(loaded.results().map(java.util.regex.MatchResult::group)).containsExactly("href=\"data:,");
    }

    /** A native executable has only the resources that are named. */
    @Test
    void shouldBeKeptByANativeExecutable() throws IOException {
        Properties properties = new Properties();
        try (InputStream stream = ComparisonPage.class.getResourceAsStream("/application.properties")) {
            properties.load(stream);
        }
        assertThat(properties.getProperty("quarkus.native.resources.includes").split(",")).contains("comparison/**");
        for (String name : new String[]{"page.html", "page.css", "page.js", "uplot/LICENSE", "uplot/uPlot.min.css",
                "uplot/uPlot.iife.min.js"}) {
            assertThat(ComparisonPage.resource(name)).isNotEmpty();
        }
    }

    private static JsonNode data(String page) throws IOException {
        Matcher script = Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>", Pattern.DOTALL)
            .matcher(page);
        assertThat(script.find()).isTrue();
        return ApiClient.JSON.readTree(script.group(1));
    }
}

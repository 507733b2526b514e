package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** The dashboard asks for metrics that the server has. */
class DashboardTest {
    private static final Pattern METRIC = Pattern.compile("\\b((?:d3s|jvm|http)_[a-z_0-9]+)\\b");
    private static final Pattern PART = Pattern.compile("_(bucket|count|sum|max)$");
    /** One of those that Micrometer has of every JVM. */
    private static final String HEAP = "jvm_memory_used_bytes";

    private static List<JsonNode> panels() {
        List<JsonNode> panels = new ArrayList<>();
        HelmChart.read("dashboards/d3s-server.json").path("panels").forEach(panels::add);
        return panels;
    }

    private static boolean known(String metric, Set<String> metrics) {
        return metrics.contains(metric) || metrics.contains(PART.matcher(metric).replaceFirst(""))
                || metric.equals(HEAP);
    }

    @Test
    void shouldAskForMetricsOfTheServer() {
        Set<String> metrics = new ServerReadme().metrics();
        Set<String> asked = new TreeSet<>();
        for (JsonNode expression : HelmChart.read("dashboards/d3s-server.json").findValues("expr")) {
            Matcher matcher = METRIC.matcher(expression.asText());
            assertThat(matcher.results().map(result -> result.group(1)).peek(asked::add)).as("%s", expression)
                .isNotEmpty()
                .allMatch(metric -> known(metric, metrics));
        }

        assertThat(known("d3s_steps", metrics)).isFalse();
        // what the README lists and nobody looks at would be a gap
        assertThat(metrics).allMatch(metric -> asked.stream()
            .anyMatch(name -> name.equals(metric) || PART.matcher(name).replaceFirst("").equals(metric)));
    }

    @Test
    void shouldBeADashboardThatGrafanaCanLayOut() {
        List<JsonNode> panels = panels();
        assertThat(panels).extracting(panel -> panel.path("id").asInt()).doesNotHaveDuplicates();
        assertThat(panels).extracting(panel -> panel.path("title").asText()).doesNotHaveDuplicates();
        for (JsonNode panel : panels) {
            JsonNode place = panel.path("gridPos");
            assertThat(place.path("x").asInt() + place.path("w").asInt()).as(panel.path("title").asText())
                .isLessThanOrEqualTo(24);
            for (JsonNode other : panels.subList(0, panels.indexOf(panel))) {
                assertThat(apart(place, other.path("gridPos"))).as("%s and %s are apart", panel.path("title"),
                        other.path("title"))
                    .isTrue();
            }
        }
    }

    private static boolean apart(JsonNode one, JsonNode other) {
        return before(one, other, "x", "w") || before(other, one, "x", "w") || before(one, other, "y", "h")
                || before(other, one, "y", "h");
    }

    private static boolean before(JsonNode one, JsonNode other, String from, String length) {
        return one.path(from).asInt() + one.path(length).asInt() <= other.path(from).asInt();
    }

    @Test
    void shouldArriveInTheConfigMapAsItIs() throws Exception {
        HelmChart.assumeSupported();
        String text = HelmChart.render("metrics: {dashboard: {enabled: true}}")
            .the("ConfigMap", "lab-d3s-server-dashboard")
            .path("data")
            .path("d3s-server.json")
            .asText();

        assertThat(new ObjectMapper().readTree(text)).isEqualTo(HelmChart.read("dashboards/d3s-server.json"));
    }
}

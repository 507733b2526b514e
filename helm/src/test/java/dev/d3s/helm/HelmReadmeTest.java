package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

/** Holds helm/README.md to the chart. With {@code -Dhelm.readme=write} it writes what it would compare. */
class HelmReadmeTest {
    private static final Path README = Path.of("README.md");

    @Test
    void shouldHaveTheValuesOfTheChart() throws Exception {
        String present = Files.readString(README);
        String right = with(with(present, "values", ValuesTable.values()), "refused", ValuesTable.refused());
        if ("write".equals(System.getProperty("helm.readme"))) {
            Files.writeString(README, right);
        } else {
            assertThat(present)
                .as("helm/README.md is not what values.yaml and values.schema.json make of it. This writes it: "
                        + "./mvnw -pl helm test -Dtest=HelmReadmeTest -Dhelm.readme=write")
                .isEqualTo(right);
        }
    }

    /** The text with another block between two marks. */
    private static String with(String text, String mark, String block) {
        String begin = "<!-- " + mark + ": made from the chart -->\n";
        String end = "<!-- end of " + mark + " -->\n";
        Matcher matcher = Pattern.compile(Pattern.quote(begin) + ".*?" + Pattern.quote(end), Pattern.DOTALL)
            .matcher(text);
        assertThat(matcher.find()).as("helm/README.md has the marks '%s' and '%s'", begin.strip(), end.strip())
            .isTrue();
        return text.substring(0, matcher.start()) + begin + "\n" + block + "\n" + end + text.substring(matcher.end());
    }

    /** What the walk-through hands to a command between {@code <<'MARK'} and {@code MARK}. */
    private static String handed(String mark) throws IOException {
        Matcher matcher = Pattern.compile("<<'" + mark + "'\n(.*?)\n" + mark + "\n", Pattern.DOTALL)
            .matcher(Files.readString(README));
        assertThat(matcher.find()).as("helm/README.md has <<'%s'", mark).isTrue();
        return matcher.group(1);
    }

    @Test
    void shouldWalkThroughWhatTheChartMakes() throws Exception {
        HelmChart.assumeSupported();
        Manifests lab = HelmChart.renderAs("d3s", handed("VALUES"));
        JsonNode set = lab.the("StatefulSet", "d3s");
        Set<String> made = new TreeSet<>(Set.of("pod/d3s-0", "pod/d3s-copy", "claim/home-d3s-0", "claim/d3s-home",
                "pod/d3s-postgresql-0"));
        lab.all().forEach(manifest -> made.add(Manifests.title(manifest).toLowerCase(Locale.ROOT)));

        assertThat(set.path("spec").path("volumeClaimTemplates").path(0).path("metadata").path("name").asText())
            .isEqualTo("home");
        assertThat(lab.the("Service", "d3s").path("spec").path("ports").path(0).path("port").asInt()).isEqualTo(80);
        Matcher named = Pattern
            .compile(
                    "(statefulset|service|pod)/([a-z0-9-]+)|get (secret|pod) ([a-z0-9-]+)|exec (?:--stdin )?()([a-z0-9-]+) --")
            .matcher(Files.readString(README));
        List<String> names = named.results()
            .map(match -> match.group(1) != null
                    ? match.group(1) + "/" + match.group(2)
                    : match.group(3) != null ? match.group(3) + "/" + match.group(4) : "pod/" + match.group(6))
            .toList();
        assertThat(names).hasSizeGreaterThan(10).isSubsetOf(made);
        assertThat(HelmChart.renderAs("d3s", "{postgresql: {enabled: true}, home: {accessMode: ReadWriteMany}}").all())
            .extracting(Manifests::title)
            .contains("StatefulSet/d3s-postgresql", "PersistentVolumeClaim/d3s-home");
    }

    /** The commands between {@code ```sh} and {@code ```} under a heading of the walk-through. */
    private static List<String> typed(String heading) throws IOException {
        Matcher section = Pattern.compile("(?ms)^#### " + Pattern.quote(heading) + "\n(.*?)(?=^###)")
            .matcher(Files.readString(README));
        assertThat(section.find()).as("helm/README.md has the heading '%s'", heading).isTrue();
        return Pattern.compile("(?ms)^```sh\n(.*?)^```$")
            .matcher(section.group(1))
            .results()
            .map(block -> block.group(1))
            .toList();
    }

    @Test
    void shouldHaveTheCommandsThatTheWalkthroughTypes() throws Exception {
        String script = Files.readString(Path.of("src/interop/walkthrough.sh"));
        List<MatchResult> used = Pattern.compile("(?:typed|block) '?([A-Z][^'$\n]*?)'? ([0-9])\\b")
            .matcher(script)
            .results()
            .toList();
        assertThat(used).hasSizeGreaterThan(8);
        for (MatchResult use : used) {
            assertThat(typed(use.group(1))).as("blocks under '%s'", use.group(1))
                .hasSizeGreaterThanOrEqualTo(Integer.parseInt(use.group(2)));
        }
        // what the script puts its own image, sizes and port in place of
        String install = String.join("", typed("Install"));
        assertThat(install).contains("repository: registry.example.org/lab/d3s-server\n", "size: 200Gi\n",
                "d3s.limits.disk: 500G\n", " 8080:80 ", "D3S=http://127.0.0.1:8080\n",
                "\nhelm install d3s helm/d3s-server --namespace research ");
        assertThat(typed("Upgrade").getFirst()).contains("helm upgrade d3s helm/d3s-server ", " image.tag=0.2.0");
    }

    @Test
    void shouldCopyAHomeInAPodThatARestrictedNamespaceTakes() throws Exception {
        Manifests copy = Manifests.parse(handed("POD"));
        assertThat(new KubernetesSchema().mistakes(copy.the("Pod", "d3s-copy"))).isEmpty();
        assertThat(ManifestRule.PODS_ARE_RESTRICTED.broken(copy)).isEmpty();
        assertThat(ManifestRule.IMAGES_ARE_PINNED.broken(copy)).isEmpty();
    }

    @Test
    void shouldDescribeEveryValue() {
        assertThat(ValuesTable.silent()).isEmpty();
        assertThat(ValuesTable.descriptions())
            .containsKeys("home.size", "database.secret.name", "metrics.serviceMonitor.interval", "data.existingClaim")
            .doesNotContainKeys("home", "postgresql.resources.limits");
    }
}

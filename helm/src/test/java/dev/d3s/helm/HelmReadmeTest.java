package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;

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

    @Test
    void shouldDescribeEveryValue() {
        assertThat(ValuesTable.silent()).isEmpty();
        assertThat(ValuesTable.descriptions())
            .containsKeys("home.size", "database.secret.name", "metrics.serviceMonitor.interval", "data.existingClaim")
            .doesNotContainKeys("home", "postgresql.resources.limits");
    }
}

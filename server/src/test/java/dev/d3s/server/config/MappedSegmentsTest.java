package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;

import dev.d3s.natives.MappedSegments;
import io.quarkus.runtime.configuration.NameIterator;
import io.quarkus.runtime.configuration.PropertiesUtil;

/** Against Quarkus' own comparison, before which native executables ask this. */
class MappedSegmentsTest {
    private static final String[] NAMES = {"a", "b", "ab", "abc", "a-b", "*", "a*", "a[0]", "b[12]", "a[*]", "\"a.b\"",
            "\"a\"",
            "ä"};
    private static final String[] MAPPED = {"a", "b", "ab", "abc", "a-b", "*", "a[*]", "b[*]", "*[*]", "ab[*]", "ä"};

    @Test
    void shouldNeverRefuseWhatIsTheSame() {
        Random random = new Random(6);
        int refused = 0;
        int same = 0;
        for (int round = 0; round < 50_000; round++) {
            List<String> segments = new ArrayList<>();
            for (int count = 1 + random.nextInt(4); count > 0; count--) {
                segments.add(NAMES[random.nextInt(NAMES.length)]);
            }
            NameIterator name = new NameIterator(String.join(".", segments));
            for (int skipped = random.nextInt(segments.size()); skipped > 0; skipped--) {
                name.next();
            }
            String mapped = MAPPED[random.nextInt(MAPPED.length)];
            if (MappedSegments.differ(name.getName(), name.getPosition() + 1, mapped)) {
                assertThat(PropertiesUtil.isMapped(name, mapped))
                    .as(name.getName() + " at " + name.getPosition() + ", " + mapped)
                    .isFalse();
                refused++;
            } else if (PropertiesUtil.isMapped(name, mapped)) {
                same++;
            }
        }
        assertThat(refused).isGreaterThan(20_000);
        assertThat(same).isGreaterThan(2_000);
    }

    @Test
    void shouldLeaveStarsToTheComparison() {
        assertThat(MappedSegments.differ("quarkus.datasource.other.url", 8, "datasource")).isFalse();
        assertThat(MappedSegments.differ("quarkus.datasource.other.url", 8, "data")).isFalse();
        assertThat(MappedSegments.differ("quarkus.datasource.other.url", 8, "http")).isTrue();
        assertThat(MappedSegments.differ("quarkus.datasource.other.url", 19, "*")).isFalse();
        assertThat(MappedSegments.differ("quarkus.datasource.*.url", 19, "other")).isFalse();
        assertThat(MappedSegments.differ("quarkus.data", 8, "datasource")).isTrue();
    }
}

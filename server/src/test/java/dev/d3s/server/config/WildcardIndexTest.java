package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.Test;

import dev.d3s.natives.WildcardIndex;
import io.smallrye.config.PropertyName;

/** Against SmallRye Config's own equality of names, for which native executables use the index. */
class WildcardIndexTest {
    private static final String[] SEGMENTS = {"a", "b", "aa", "*", "*", "a[*]", "b[*]", "a[0]", "\"a.b\"", "*[*]"};
    private static final String[] PLAIN = {"a", "b", "aa", "c", "a[0]", "b[12]", "a[00]", "\"a.b\"", "\"a\"", ""};

    private static String name(Random random, String... segments) {
        List<String> name = new ArrayList<>();
        for (int count = 1 + random.nextInt(4); count > 0; count--) {
            name.add(segments[random.nextInt(segments.length)]);
        }
        return String.join(".", name);
    }

    @Test
    void shouldFindAWildcardWhereverThereIsOne() {
        Random random = new Random(5);
        int found = 0;
        for (int round = 0; round < 2_000; round++) {
            Map<String, String> wildcards = new HashMap<>();
            while (wildcards.size() < 5) {
                String wildcard = name(random, SEGMENTS);
                if (wildcard.contains("*")) {
                    wildcards.put(wildcard, "value of " + wildcard);
                }
            }
            WildcardIndex index = new WildcardIndex(wildcards);
            for (int each = 0; each < 20; each++) {
                String name = name(random, each % 5 == 0 ? SEGMENTS : PLAIN);
                List<String> matching = wildcards.keySet()
                    .stream()
                    .filter(wildcard -> PropertyName.equals(wildcard, name))
                    .map(wildcards::get)
                    .toList();
                String answer = index.find(name, PropertyName::equals);
                if (matching.isEmpty()) {
                    assertThat(answer).as(name + " in " + wildcards).isNull();
                } else {
                    assertThat(answer).as(name + " in " + wildcards).isIn(matching);
                    found++;
                }
            }
        }
        assertThat(found).isGreaterThan(1_000);
    }
}

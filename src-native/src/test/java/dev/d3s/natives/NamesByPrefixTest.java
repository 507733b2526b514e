package dev.d3s.natives;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

class NamesByPrefixTest {
    private static String name(Random random, int longest) {
        return IntStream.range(0, random.nextInt(longest + 1))
            .mapToObj(i -> String.valueOf("ab.-\uffff".charAt(random.nextInt(5))))
            .collect(Collectors.joining());
    }

    @Test
    void shouldFindWhatLookingThroughAllFinds() {
        Random random = new Random(7);
        int found = 0;
        for (int round = 0; round < 2_000; round++) {
            TreeSet<String> names = new TreeSet<>();
            for (int i = random.nextInt(20); i > 0; i--) {
                names.add(name(random, 6));
            }
            NamesByPrefix index = new NamesByPrefix(names.descendingSet());
            String prefix = name(random, 3);
            List<String> wanted = names.stream().filter(name -> name.startsWith(prefix)).toList();
            assertThat(index.startingWith(prefix)).isEqualTo(wanted);
            found += wanted.size();
        }
        assertThat(found).isGreaterThan(2_000);
    }
}

package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class LargestSubsetTest {
    @Property(tries = 2000)
    void shouldKeepTheTopOfANaiveSort(@ForAll("values") double[] values, @ForAll @IntRange(max = 20) int wanted,
            @ForAll long seed) {
        int size = Math.min(wanted, values.length);
        int[] kept = LargestSubset.of(values, size, seed);
        assertThat(kept).hasSize(size).doesNotHaveDuplicates().isSorted();
        assertThat(Arrays.stream(kept).mapToObj(i -> values[i] + 0.0).sorted(Comparator.reverseOrder()).toList())
            .isEqualTo(Arrays.stream(values)
                .mapToObj(value -> value + 0.0)
                .sorted(Comparator.reverseOrder())
                .limit(size)
                .toList());
        assertThat(LargestSubset.of(values.clone(), size, seed)).isEqualTo(kept);
        boolean[] marks = LargestSubset.marks(values, size, seed);
        assertThat(IntStream.range(0, values.length).filter(i -> marks[i]).toArray()).isEqualTo(kept);
    }

    @Provide
    Arbitrary<double[]> values() {
        return Arbitraries.of(-2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0).array(double[].class).ofMaxSize(20);
    }

    /** 2 of 5 equal values besides one that is larger: each of the 10 pairs is expected 1000 times. */
    @Test
    void shouldMakeEachChoiceAmongEqualsAsLikelyAsTheOther() {
        double[] values = {1, 1, 7, 1, -3, 1, 1};
        Map<List<Integer>, Integer> counts = new HashMap<>();
        for (int seed = 0; seed < 10_000; seed++) {
            counts.merge(Arrays.stream(LargestSubset.of(values, 3, seed)).boxed().toList(), 1, Integer::sum);
        }
        assertThat(counts).hasSize(10);
        assertThat(counts.keySet()).allSatisfy(kept -> assertThat(kept).contains(2).doesNotContain(4));
        double chiSquare = counts.values().stream().mapToDouble(count -> Math.pow(count - 1000.0, 2) / 1000).sum();
        assertThat(chiSquare).isLessThan(27.9); // 99.9 % quantile of chi2(9)
    }

    @Test
    void shouldRefuseASizeThatIsNotThere() {
        assertThatThrownBy(() -> LargestSubset.of(new double[2], 3, 1)).hasMessage("size 3 of 2");
        assertThatThrownBy(() -> LargestSubset.of(new double[2], -1, 1)).hasMessage("size -1 of 2");
    }
}

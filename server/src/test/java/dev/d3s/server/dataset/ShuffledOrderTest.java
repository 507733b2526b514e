package dev.d3s.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.stream.IntStream;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;

class ShuffledOrderTest {
    @Property(tries = 200)
    void shouldVisitEachRowOncePerEpoch(@ForAll long seed, @ForAll @IntRange(min = 1, max = 3000) int size,
            @ForAll @LongRange(min = 0, max = 1_000_000) long epoch) {
        ShuffledOrder order = new ShuffledOrder(seed, size);
        BitSet visited = new BitSet(size);
        for (int position = 0; position < size; position++) {
            visited.set(order.rowAt(epoch * size + position));
        }
        assertThat(visited.cardinality()).isEqualTo(size);
        assertThat(visited.length()).isEqualTo(size);
    }

    @Property(tries = 50)
    void shouldBeAFunctionOfSeedAndPosition(@ForAll long seed, @ForAll @LongRange(min = 0) long position) {
        assertThat(new ShuffledOrder(seed, 7473).rowAt(position))
            .isEqualTo(new ShuffledOrder(seed, 7473).rowAt(position))
            .isBetween(0, 7472);
    }

    @Property(tries = 20)
    void shouldOrderEpochsAndSeedsDifferently(@ForAll long seed) {
        int size = 1000;
        int[] first = epoch(new ShuffledOrder(seed, size), 0);
        assertThat(first).isNotEqualTo(epoch(new ShuffledOrder(seed, size), 1));
        assertThat(first).isNotEqualTo(epoch(new ShuffledOrder(seed + 1, size), 0));
        // a random permutation has about one fixed point and moves a row by a third of the size on average
        double moved = IntStream.range(0, size)
            .map(position -> Math.abs(first[position] - position))
            .average()
            .orElseThrow();
        assertThat(moved).isBetween(size * 0.27, size * 0.4);
    }

    @Example
    void shouldHoldTheLargestFile() {
        ShuffledOrder order = new ShuffledOrder(3, Integer.MAX_VALUE);
        assertThat(order.rowAt(0)).isNotEqualTo(order.rowAt(1));
        assertThat(order.rowAt(Long.MAX_VALUE)).isBetween(0, Integer.MAX_VALUE - 1);
    }

    private static int[] epoch(ShuffledOrder order, int epoch) {
        return IntStream.range(0, order.size())
            .map(position -> order.rowAt((long) epoch * order.size() + position))
            .toArray();
    }
}

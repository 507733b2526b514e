package dev.d3s.server.selection;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class MiniBatchesTest {
    /** Rows of three tokens, of which the first is kept or none. */
    private static boolean[][] rows(boolean... trained) {
        boolean[][] kept = new boolean[trained.length][3];
        for (int row = 0; row < trained.length; row++) {
            kept[row][row % 3] = trained[row];
        }
        return kept;
    }

    @Property(tries = 500)
    void shouldDealEveryRolloutToOneMiniBatchEvenly(@ForAll @IntRange(min = 1, max = 30) int rollouts,
            @ForAll @IntRange(min = 1, max = 12) int wanted, @ForAll long seed,
            @ForAll @IntRange(min = 0, max = 3) int iteration) {
        Random random = new Random(seed);
        boolean[] trained = new boolean[rollouts];
        int count = 0;
        for (int row = 0; row < rollouts; row++) {
            trained[row] = row == 0 || random.nextInt(3) > 0;
            count += trained[row] ? 1 : 0;
        }
        List<int[]> miniBatches = MiniBatches.of(rows(trained), wanted, seed, 5, iteration);

        assertThat(miniBatches).hasSize(Math.min(wanted, count));
        assertThat(miniBatches.stream().flatMapToInt(Arrays::stream).sorted().toArray())
            .isEqualTo(Arrays.stream(new int[rollouts]).map(new Counter()::next).toArray());
        int parts = miniBatches.size();
        for (int[] rows : miniBatches) {
            assertThat(rows).isSorted();
            assertThat(rows.length).isBetween(rollouts / parts, Math.ceilDiv(rollouts, parts));
            int withToken = (int) Arrays.stream(rows).filter(row -> trained[row]).count();
            assertThat(withToken).isBetween(count / parts, Math.ceilDiv(count, parts)).isPositive();
        }
    }

    private static final class Counter {
        private int next;

        int next(int ignored) {
            return next++;
        }
    }

    @Test
    void shouldLeaveOneMiniBatchAsItIs() {
        boolean[][] kept = rows(true, false, true);
        assertThat(MiniBatches.of(kept, 1, 7, 0, 0)).singleElement().isEqualTo(new int[]{0, 1, 2});
        assertThat(MiniBatches.of(rows(false, true), 4, 7, 0, 0)).singleElement().isEqualTo(new int[]{0, 1});
    }

    @Test
    void shouldDealAnewInEachIterationStepAndJobAndTheSameAgain() {
        boolean[] trained = new boolean[16];
        Arrays.fill(trained, true);
        boolean[][] kept = rows(trained);
        Set<String> deals = new HashSet<>();
        for (long seed = 0; seed < 3; seed++) {
            for (int step = 0; step < 4; step++) {
                for (int iteration = 0; iteration < 4; iteration++) {
                    String deal = words(MiniBatches.of(kept, 4, seed, step, iteration));
                    assertThat(words(MiniBatches.of(kept, 4, seed, step, iteration))).isEqualTo(deal);
                    deals.add(deal);
                }
            }
        }
        assertThat(deals).hasSize(48);
    }

    /** Each rollout is with each other one about as often: 1000 deals of 6 in pairs. */
    @Test
    void shouldMixRollouts() {
        int[][] together = new int[6][6];
        boolean[][] kept = rows(true, true, true, true, true, true);
        for (int step = 0; step < 1000; step++) {
            for (int[] rows : MiniBatches.of(kept, 3, 1, step, 0)) {
                together[rows[0]][rows[1]]++;
            }
        }
        for (int row = 0; row < 6; row++) {
            for (int other = row + 1; other < 6; other++) {
                // 1000 draws of probability 1/5: 200 expected, deviation 12.6, so 6 of them to either side
                assertThat(together[row][other]).isBetween(200 - 76, 200 + 76);
            }
        }
    }

    private static String words(List<int[]> miniBatches) {
        return Arrays.deepToString(miniBatches.toArray());
    }
}

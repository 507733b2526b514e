package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class MicroBatchPlanTest {
    @Property(tries = 300)
    void shouldPlaceEverySequenceOnceWithinTheBudget(
            @ForAll @Size(min = 1, max = 60) List<@IntRange(min = 1, max = 50) Integer> lengths,
            @ForAll @IntRange(min = 1, max = 4) int workers, @ForAll @IntRange(min = 1, max = 300) int budget) {
        int[] length = lengths.stream().mapToInt(Integer::intValue).toArray();
        MicroBatchPlan plan = MicroBatchPlan.of(length, workers, budget);
        assertThat(plan.microBatches().stream().flatMapToInt(Arrays::stream).sorted().toArray())
            .isEqualTo(IntStream.range(0, length.length).toArray());
        long padded = 0;
        for (int[] batch : plan.microBatches()) {
            assertThat(Arrays.stream(batch).map(index -> length[index]).max()).hasValue(length[batch[0]]);
            assertThat(batch.length == 1 || batch.length * length[batch[0]] <= budget).isTrue();
            padded += (long) batch.length * length[batch[0]];
        }
        assertThat(plan.paddedTokens()).isEqualTo(padded);
        assertThat(plan.worker()).hasSize(plan.microBatches().size());
        assertThat(Arrays.stream(plan.worker()).allMatch(worker -> worker >= 0 && worker < workers)).isTrue();
    }

    @Test
    void shouldGiveEveryWorkerTheSameWork() {
        int[] length = new int[64];
        Arrays.fill(length, 40);
        MicroBatchPlan plan = MicroBatchPlan.of(length, 2, 16_384);
        assertThat(plan.microBatches()).extracting(batch -> batch.length).containsExactly(32, 32);
        assertThat(plan.worker()).containsExactly(0, 1);
        assertThat(plan.paddedTokens()).isEqualTo(64 * 40);
    }

    @Test
    void shouldNotPadShortSequencesToLongOnes() {
        MicroBatchPlan plan = MicroBatchPlan.of(new int[]{100, 1, 100, 1, 1, 100}, 1, 300);
        assertThat(plan.microBatches()).containsExactly(new int[]{0, 2, 5}, new int[]{1, 3, 4});
        assertThat(plan.paddedTokens()).isEqualTo(303);
    }

    @Test
    void shouldLeaveASequenceAboveTheBudgetAlone() {
        assertThat(MicroBatchPlan.of(new int[]{7, 50, 7}, 1, 20).microBatches())
            .containsExactly(new int[]{1}, new int[]{0, 2});
    }
}

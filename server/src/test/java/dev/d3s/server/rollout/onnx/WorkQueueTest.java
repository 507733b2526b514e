package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;

import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.onnx.WorkQueue.Assignment;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class WorkQueueTest {
    private static GenerationRequest request(int promptLength, int groupSize) {
        return new GenerationRequest(new int[promptLength], new long[groupSize]);
    }

    @Property(tries = 300)
    void shouldHandOutEveryCompletionOnce(@ForAll @Size(max = 8) List<@IntRange(min = 0, max = 9) Integer> groupSizes,
            @ForAll @IntRange(min = 1, max = 12) int most, @ForAll long seed) {
        Random random = new Random(seed);
        List<GenerationRequest> requests = groupSizes.stream()
            .map(size -> request(1 + random.nextInt(50), size))
            .toList();
        WorkQueue queue = new WorkQueue(requests);
        int[] begun = new int[requests.size()];
        while (true) {
            List<Assignment> assignments = new ArrayList<>(queue.toPrefill(most, 100));
            if (assignments.isEmpty()) {
                break;
            }
            assertThat(assignments.stream().mapToInt(Assignment::count).sum()).isBetween(1, most);
            if (random.nextBoolean()) {
                Assignment more = queue.continued(assignments.getLast().request(), 2);
                if (more != null) {
                    assignments.add(more);
                }
            }
            for (Assignment assignment : assignments) {
                assertThat(assignment.from()).isEqualTo(begun[assignment.request()]);
                begun[assignment.request()] += assignment.count();
            }
        }
        for (int i = 0; i < begun.length; i++) {
            assertThat(begun[i]).isEqualTo(groupSizes.get(i));
        }
        assertThat(queue.worthPrefilling(most, 1)).isFalse();
    }

    @Test
    void shouldOpenNewGroupsBeforeTakingMembersOfOpenOnes() {
        WorkQueue queue = new WorkQueue(List.of(request(4, 8), request(4, 2), request(4, 6)));

        assertThat(queue.toPrefill(3, 100)).containsExactly(new Assignment(0, 0, 3));
        assertThat(queue.toPrefill(4, 100)).containsExactly(new Assignment(1, 0, 2), new Assignment(2, 0, 2));
        assertThat(queue.continued(0, 2)).isEqualTo(new Assignment(0, 3, 2));
        assertThat(queue.toPrefill(3, 100)).as("the group with most left").containsExactly(new Assignment(2, 2, 3));
    }

    @Test
    void shouldNotPadShortPromptsToLongOnes() {
        WorkQueue queue = new WorkQueue(List.of(request(10, 1), request(12, 1), request(90, 1), request(90, 1)));

        assertThat(queue.toPrefill(8, 1000)).hasSize(2);
        assertThat(queue.toPrefill(8, 100)).as("rows are limited").hasSize(1);
    }
}

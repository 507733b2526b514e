package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.BusyException;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingRequest;
import dev.d3s.server.rollout.onnx.ServedRequest.Sequence;

class ServingQueueTest {
    private static final int ANY = Integer.MAX_VALUE;

    private final ModelConfig config = Fixtures.config(35, true);
    private final long position = KeyValueBuffers.positionBytes(config);

    private ServingQueue queue(long positions, int waiting) {
        return new ServingQueue(config, 64, new ServingLimits(8, positions * position, waiting, 0));
    }

    private static ServingRequest request(int length, int completions, int tokens) {
        return new ServingRequest(List.of(new GenerationRequest(new int[length], new long[completions])),
                SamplingSettings.of(tokens, 1, 0), 0, false);
    }

    @Test
    void shouldLetRequestsTakeTurns() {
        ServingQueue queue = queue(10_000, 99);
        List<Client> clients = List.of(new Client(), new Client(), new Client());
        List<ServedRequest> owners = new ArrayList<>();
        queue.submit(request(3, 4, 5), clients.get(0));
        queue.submit(request(3, 1, 5), clients.get(1));
        queue.submit(request(3, 2, 5), clients.get(2));
        while (queue.hasWaiting()) {
            queue.take(1, ANY).forEach(sequence -> owners.add(sequence.request()));
        }

        ServedRequest first = owners.get(0);
        ServedRequest second = owners.get(1);
        ServedRequest third = owners.get(2);
        assertThat(List.of(first, second, third)).doesNotHaveDuplicates();
        assertThat(owners).containsExactly(first, second, third, first, third, first, first);
    }

    @Test
    void shouldGiveCompletionsOfOnePromptTogetherWhenThereIsRoom() {
        ServingQueue queue = queue(10_000, 99);
        queue.submit(request(3, 4, 5), new Client());
        assertThat(queue.take(8, ANY)).hasSize(4);
        queue.submit(request(3, 4, 5), new Client());
        queue.submit(request(3, 4, 5), new Client());
        assertThat(queue.take(4, ANY)).as("half of the room each").hasSize(2);
        assertThat(queue.take(2, ANY)).hasSize(1);
    }

    @Test
    void shouldKeepTheTurnOfWhatDoesNotFitYet() {
        ServingQueue queue = queue(40, 99);
        queue.submit(request(10, 1, 20), new Client());
        queue.submit(request(10, 1, 25), new Client());
        queue.submit(request(1, 1, 2), new Client());
        List<Sequence> running = queue.take(8, ANY);
        assertThat(running).hasSize(1);
        assertThat(queue.take(8, ANY)).as("35 positions do not fit beside 30, and nobody overtakes").isEmpty();
        queue.left(running.getFirst());
        assertThat(queue.take(8, ANY)).extracting(Sequence::length).containsExactly(10);
        assertThat(queue.take(8, ANY)).extracting(Sequence::length).containsExactly(1);
    }

    @Test
    void shouldPassOverLongPromptsWhileTheyCannotBegin() {
        ServingQueue queue = queue(10_000, 99);
        queue.submit(request(30, 1, 5), new Client());
        queue.submit(request(3, 1, 5), new Client());
        assertThat(queue.take(8, 10)).extracting(Sequence::length).containsExactly(3);
        assertThat(queue.take(8, ANY)).extracting(Sequence::length).containsExactly(30);
    }

    @Test
    void shouldBeginSuspendedOnesFirst() {
        ServingQueue queue = queue(10_000, 99);
        queue.submit(request(3, 1, 5), new Client());
        List<Sequence> running = queue.take(8, ANY);
        assertThat(running.getFirst().accept(7, -1, 1, null)).isTrue();
        queue.submit(request(9, 1, 5), new Client());
        queue.suspend(running);
        List<Sequence> again = queue.take(8, ANY);
        assertThat(again).isEqualTo(running);
        assertThat(again.getFirst().ids()).containsExactly(0, 0, 0, 7);
    }

    @Test
    void shouldRefuseWhatWouldWaitTooLongAndForgetWhoHasGone() {
        ServingQueue queue = queue(10_000, 3);
        Client gone = new Client();
        queue.submit(request(3, 3, 5), gone);
        assertThatThrownBy(() -> queue.submit(request(3, 1, 5), new Client())).isInstanceOf(BusyException.class)
            .hasMessageContaining("3 completions of this model wait");
        gone.gone = true;
        queue.sweep();
        assertThat(queue.hasWaiting()).isFalse();
        queue.submit(request(3, 1, 5), new Client());
        assertThat(queue.take(8, ANY)).hasSize(1);
    }
}

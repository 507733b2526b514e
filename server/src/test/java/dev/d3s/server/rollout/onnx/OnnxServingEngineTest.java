package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.BusyException;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingRequest;
import dev.d3s.server.rollout.TopTokens;
import dev.d3s.spi.D3sException;

class OnnxServingEngineTest {
    private static final int CONTEXT = 1024;
    private static final ServingLimits LIMITS = new ServingLimits(8, 1L << 30, 4096, 0.125);

    private final ModelConfig config = ModelConfig.qwen2(300, 32, 2, 4, 2, 16, 48, CONTEXT, 10_000, 1e-6, true,
            List.of(3));
    private final ModelConfig endless = ModelConfig.qwen2(300, 32, 2, 4, 2, 16, 48, CONTEXT, 10_000, 1e-6, true,
            List.of());
    private final RandomWeights weights = new RandomWeights(config, 1, 0.2);

    private OnnxServingEngine open(ModelConfig model, int workers, int slots, ServingLimits limits) {
        return OnnxServingEngine.open(model, weights,
                new OnnxRolloutSettings(workers, 1, slots, CONTEXT, RefreshMode.RECREATE, 0), limits);
    }

    private static GenerationRequest prompt(SplittableRandom random, int length, int completions) {
        long[] identities = IntStream.range(0, completions).mapToLong(i -> RolloutIdentity.of(0, length, i)).toArray();
        return new GenerationRequest(random.ints(length, 4, 300).toArray(), identities);
    }

    /** Every kind of request: whole and cut distributions, greedy, likeliest tokens, scored prompts, long prompts. */
    private static List<ServingRequest> mixed(int count) {
        SplittableRandom random = new SplittableRandom(5);
        List<ServingRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            SamplingSettings sampling = switch (i % 5) {
                case 0 -> SamplingSettings.of(4 + random.nextInt(30), 1, i);
                case 1 -> SamplingSettings.greedy(4 + random.nextInt(30));
                case 2 -> new SamplingSettings(20, 0.7, 0.9, 0, 0, i);
                case 3 -> new SamplingSettings(20, 1.3, 1, 7, 0, i);
                default -> new SamplingSettings(20, 1, 0.95, 40, 0.02, i);
            };
            List<GenerationRequest> prompts = new ArrayList<>();
            for (int j = 0; j <= i % 2; j++) {
                int length = i % 7 == 6 ? 300 + random.nextInt(400) : 1 + random.nextInt(40);
                prompts.add(prompt(random, length, 1 + i % 3));
            }
            requests.add(new ServingRequest(prompts, sampling, i % 4 == 1 ? 3 : 0, i % 6 == 2));
        }
        return requests;
    }

    private static void assertSame(Client actual, Client expected) {
        assertThat(actual.completions).usingRecursiveComparison().isEqualTo(expected.completions);
        assertThat(actual.tops).usingRecursiveComparison().isEqualTo(expected.tops);
        assertThat(actual.scores).usingRecursiveComparison().isEqualTo(expected.scores);
        assertThat(actual.promptTops).usingRecursiveComparison().isEqualTo(expected.promptTops);
    }

    @ParameterizedTest
    @CsvSource({"1, 3", "1, 16", "2, 4"})
    void shouldGiveEachClientTheSameBitsWhoeverElseIsThere(int workers, int slots) throws Exception {
        List<ServingRequest> requests = mixed(40);
        List<Client> alone = new ArrayList<>();
        try (ServingEngine engine = open(config, 1, 1, LIMITS)) {
            for (ServingRequest request : requests) {
                alone.add(Client.of(engine, request).ended());
            }
        }
        List<Future<Client>> together = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(8);
        try (ServingEngine engine = open(config, workers, slots, LIMITS);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (ServingRequest request : requests) {
                long moment = random.nextLong(30_000_000);
                together.add(threads.submit(() -> {
                    LockSupport.parkNanos(moment);
                    return Client.of(engine, request).ended();
                }));
            }
            for (int i = 0; i < requests.size(); i++) {
                assertSame(together.get(i).get(), alone.get(i));
            }
        }
        assertThat(alone).anySatisfy(client -> assertThat(client.tops).isNotEmpty())
            .anySatisfy(client -> assertThat(client.scores).isNotEmpty());
    }

    @Test
    void shouldListTheLikeliestTokensAndScorePrompts() {
        ReferenceDecoder reference = new ReferenceDecoder(config, weights);
        GenerationRequest prompt = prompt(new SplittableRandom(3), 300, 1);
        Client client;
        try (ServingEngine engine = open(config, 1, 4, LIMITS)) {
            client = Client
                .of(engine, new ServingRequest(List.of(prompt), new SamplingSettings(6, 0.8, 1, 5, 0, 1), 4, true))
                .ended();
        }
        Completion completion = Objects.requireNonNull(client.completions.get("0/0"));
        double[][] expected = reference.logprobs(Fixtures.sequence(prompt.prompt(), completion), 0.8);
        float[] scores = Objects.requireNonNull(client.scores.get(0));
        assertThat(scores).hasSize(299);
        for (int t = 1; t < 300; t++) {
            assertThat((double) scores[t - 1]).isCloseTo(expected[t - 1][prompt.prompt()[t]], within(1e-4));
            assertLikeliest(Objects.requireNonNull(Objects.requireNonNull(client.promptTops.get(0)).get(t - 1)),
                    expected[t - 1]);
        }
        List<TopTokens> tops = Objects.requireNonNull(client.tops.get("0/0"));
        assertThat(tops).hasSize(completion.length());
        for (int t = 0; t < completion.length(); t++) {
            assertLikeliest(tops.get(t), expected[299 + t]);
        }
    }

    private static void assertLikeliest(TopTokens top, double[] row) {
        int[] order = IntStream.range(0, row.length)
            .boxed()
            .sorted(Comparator.comparingDouble(v -> -row[v]))
            .mapToInt(v -> v)
            .limit(4)
            .toArray();
        assertThat(top.logprobs()).hasSize(4);
        for (int i = 0; i < 4; i++) {
            assertThat((double) top.logprobs()[i]).isCloseTo(row[order[i]], within(1e-4));
            assertThat(row[top.tokens()[i]]).isCloseTo(row[order[i]], within(1e-4));
        }
    }

    @Test
    void shouldOnlyScoreWhenNoTokenIsWanted() {
        try (ServingEngine engine = open(config, 1, 4, LIMITS)) {
            Client client = Client
                .of(engine, new ServingRequest(List.of(prompt(new SplittableRandom(3), 9, 2)),
                        SamplingSettings.of(0, 1, 1), 0, true))
                .ended();
            assertThat(client.scores.get(0)).hasSize(8);
            assertThat(client.completions.values()).hasSize(2)
                .allSatisfy(completion -> assertThat(completion.length()).isZero());
        }
    }

    @Test
    void shouldFreeSlotsOfClientsWhoLeave() {
        try (ServingEngine engine = open(endless, 1, 2, LIMITS)) {
            Client leaving = new Client((client, heard) -> {
                client.gone = heard >= 5;
                return true;
            });
            engine.submit(new ServingRequest(List.of(prompt(new SplittableRandom(1), 4, 64)),
                    SamplingSettings.of(900, 1, 1), 0, false), leaving);
            Client staying = Client.of(engine, new ServingRequest(List.of(prompt(new SplittableRandom(2), 4, 1)),
                    SamplingSettings.of(10, 1, 1), 0, false));

            assertThatThrownBy(leaving::ended).isInstanceOf(CancellationException.class);
            assertThat(staying.ended().completions.values()).allSatisfy(c -> assertThat(c.length()).isEqualTo(10));
            assertThat(leaving.completions).as("it held both slots").isEmpty();
            assertThat(leaving.heard).isLessThan(64);
        }
    }

    @Test
    void shouldEndOneCompletionAndGoOnWithTheOthers() {
        try (ServingEngine engine = open(endless, 1, 4, LIMITS)) {
            Client client = new Client((self, heard) -> heard != 7);
            engine.submit(new ServingRequest(List.of(prompt(new SplittableRandom(1), 4, 3)),
                    SamplingSettings.of(20, 1, 1), 0, false), client);
            client.ended();
            assertThat(client.completions.values()).extracting(Completion::finishReason)
                .containsExactlyInAnyOrder(FinishReason.CANCELLED, FinishReason.LENGTH, FinishReason.LENGTH);
        }
    }

    @Test
    void shouldRefuseWhatDoesNotFitAndWhatWouldWaitTooLong() throws Exception {
        long forTwo = 2 * 64 * KeyValueBuffers.positionBytes(endless);
        ServingLimits tight = new ServingLimits(4, forTwo, 3, 0.125);
        CountDownLatch first = new CountDownLatch(1);
        try (ServingEngine engine = open(endless, 1, 4, tight)) {
            assertThatThrownBy(() -> engine.submit(new ServingRequest(List.of(prompt(new SplittableRandom(1), 60, 1)),
                    SamplingSettings.of(69, 1, 1), 0, false), new Client()))
                .isInstanceOf(D3sException.class)
                .hasMessageContaining("60 tokens with a completion of 69")
                .hasMessageContaining("d3s.serving.memory");
            Client holding = new Client((client, heard) -> {
                first.countDown();
                return !client.gone || heard < 2;
            });
            // 120 of 128 positions: whatever comes next waits.
            engine.submit(new ServingRequest(List.of(prompt(new SplittableRandom(1), 20, 1)),
                    SamplingSettings.of(100, 1, 1), 0, false), holding);
            first.await();
            Client waiting = Client.of(engine, new ServingRequest(List.of(prompt(new SplittableRandom(1), 20, 3)),
                    SamplingSettings.of(20, 1, 1), 0, false));
            Client alsoWaiting = new Client();
            try {
                engine.submit(new ServingRequest(List.of(prompt(new SplittableRandom(1), 20, 1)),
                        SamplingSettings.of(20, 1, 1), 0, false), alsoWaiting);
                // The first was quicker than this thread.
                assertThat(holding.ended().completions).hasSize(1);
                alsoWaiting.ended();
            } catch (BusyException e) {
                assertThat(e.retryAfterSeconds()).isPositive();
                assertThat(e).hasMessageContaining("at most 3");
            }
            assertThat(waiting.ended().completions.values()).hasSize(3)
                .allSatisfy(c -> assertThat(c.length()).isEqualTo(20));
        }
    }

    @Test
    void shouldTellEverybodyWhenItIsClosed() {
        Client client;
        try (ServingEngine engine = open(endless, 1, 1, LIMITS)) {
            client = Client.of(engine, new ServingRequest(List.of(prompt(new SplittableRandom(1), 20, 9)),
                    SamplingSettings.of(1000, 1, 1), 0, false));
        }
        assertThatThrownBy(client::ended).isInstanceOf(CompletionException.class)
            .cause()
            .isInstanceOf(D3sException.class);
    }

    @Test
    void shouldFailOneRequestWhenItsListenerDoes() {
        try (ServingEngine engine = open(endless, 1, 4, LIMITS)) {
            Client failing = new Client((client, heard) -> {
                throw new IllegalStateException("of the listener");
            });
            engine.submit(new ServingRequest(List.of(prompt(new SplittableRandom(1), 4, 1)),
                    SamplingSettings.of(9, 1, 1), 0, false), failing);
            Client other = Client.of(engine, new ServingRequest(List.of(prompt(new SplittableRandom(1), 4, 1)),
                    SamplingSettings.of(9, 1, 1), 0, false));
            assertThatThrownBy(failing::ended).hasRootCauseMessage("of the listener");
            assertThat(other.ended().completions).hasSize(1);
            assertThat(engine.usable()).isTrue();
        }
    }

    // ---- guests of a job's engine

    private OnnxRolloutEngine job(int workers) {
        return OnnxRolloutEngine.open(config, weights,
                new OnnxRolloutSettings(workers, 1, 6, 64, RefreshMode.IN_PLACE, 0));
    }

    private static List<Completion> rollouts(OnnxRolloutEngine engine, long step) {
        return Fixtures.completions(engine.generate(Fixtures.requests(6, 3, 9, 300, step),
                SamplingSettings.of(25, 1, step), GenerationListener.NONE));
    }

    @ParameterizedTest
    @CsvSource({"1", "2"})
    void shouldChangeNothingAboutAJobsRolloutsAndServeItsPresentWeights(int workers) {
        List<List<Completion>> expected = new ArrayList<>();
        try (OnnxRolloutEngine engine = job(workers)) {
            for (int step = 0; step < 4; step++) {
                weights.fill(step);
                engine.refresh();
                expected.add(rollouts(engine, step));
            }
        }
        weights.fill(0);
        GenerationRequest prompt = prompt(new SplittableRandom(4), 300, 3);
        ServingRequest asked = new ServingRequest(List.of(prompt), SamplingSettings.of(60, 0.9, 6), 0, false);
        long[] version = {0};
        Client guest;
        try (OnnxRolloutEngine engine = job(workers)) {
            ServingEngine door = engine.serve(new ServingLimits(8, 1L << 30, 99, 0.5), () -> version[0]);
            guest = Client.of(door, asked);
            for (int step = 0; step < 400 && !(guest.end.isDone() && guest.versions.size() > 1); step++) {
                if (guest.end.isDone()) {
                    guest.ended();
                    guest = Client.of(door, asked); // the first was quicker than this thread
                }
                version[0] = step % 4;
                weights.fill(step % 4);
                engine.refresh();
                assertThat(rollouts(engine, step % 4)).usingRecursiveComparison().isEqualTo(expected.get(step % 4));
            }
            guest.ended();
        }
        assertThat(guest.versions.keySet()).as("it went on with the weights of the day").hasSizeGreaterThan(1);
        // Every token has the log-probability that some of the weights it has met give it.
        for (Completion completion : guest.completions.values()) {
            int[] sequence = Fixtures.sequence(prompt.prompt(), completion);
            List<double[][]> references = new ArrayList<>();
            for (int step = 0; step < 4; step++) {
                references
                    .add(new ReferenceDecoder(config, new RandomWeights(config, step, 0.2)).logprobs(sequence, 0.9));
            }
            for (int t = 0; t < completion.length(); t++) {
                int at = t;
                assertThat(references).as("token %d", t)
                    .anySatisfy(reference -> assertThat((double) completion.logprobs()[at])
                        .isCloseTo(reference[prompt.prompt().length + at - 1][completion.tokens()[at]], within(1e-4)));
            }
        }
    }

    @Test
    void shouldServeGuestsAsOthersAreServed() {
        List<ServingRequest> requests = mixed(12);
        List<Client> alone = new ArrayList<>();
        try (ServingEngine engine = open(config, 1, 1, LIMITS)) {
            for (ServingRequest request : requests) {
                alone.add(Client.of(engine, request).ended());
            }
        }
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, weights,
                new OnnxRolloutSettings(1, 1, 6, 64, RefreshMode.RECREATE, 0))) {
            ServingEngine door = engine.serve(new ServingLimits(5, 1L << 30, 999, 0.3), () -> 1);
            List<Client> guests = requests.stream().map(request -> Client.of(door, request)).toList();
            for (int step = 0; step < 1000 && guests.stream().anyMatch(guest -> !guest.end.isDone()); step++) {
                rollouts(engine, step);
            }
            for (int i = 0; i < guests.size(); i++) {
                assertSame(guests.get(i).ended(), alone.get(i));
            }
        }
    }

    @Test
    void shouldKeepGuestsWaitingWhenTheyHaveNoShare() {
        try (OnnxRolloutEngine engine = job(2)) {
            ServingEngine door = engine.serve(new ServingLimits(5, 1L << 30, 999, 0), () -> 1);
            Client guest = Client.of(door, mixed(1).getFirst());
            List<CompletionGroup> groups = engine.generate(Fixtures.requests(10, 4, 9, 300, 1),
                    SamplingSettings.of(40, 1, 1), GenerationListener.NONE);
            assertThat(groups).hasSize(10);
            assertThat(guest.heard).isZero();
            door.close();
            assertThatThrownBy(guest::ended).hasCauseInstanceOf(D3sException.class);
            assertThat(Arrays.asList(door.usable())).containsExactly(false);
        }
    }
}

package dev.d3s.server.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/** The time-out of this class only keeps a broken test from hanging the build. */
@Timeout(60)
class GradingTest {
    private static final Duration LONG = Duration.ofMinutes(5);
    private static final Duration SHORT = Duration.ofMillis(300);

    private static List<RewardInput> group(String... completions) {
        return IntStream.range(0, completions.length)
            .mapToObj(i -> new RewardInput("prompt", completions[i], false, Map.of()))
            .toList();
    }

    private static double number(RewardInput input) {
        return Double.parseDouble(input.completion());
    }

    @Test
    void shouldReturnRewardsByGroupAndIndexWhateverTheOrder() throws InterruptedException {
        CountDownLatch lastIsDone = new CountDownLatch(1);
        RewardFunction function = input -> {
            if (input.completion().equals("5")) {
                lastIsDone.countDown();
            } else {
                lastIsDone.await(); // everyone else finishes after the last one
            }
            return number(input);
        };
        try (Grading grading = new Grading("test", function, 8, LONG)) {
            Grading.Round round = grading.begin();
            round.submit(2, group("3", "4", "5"));
            round.submit(0, group("1"));
            Grades grades = round.await();
            assertThat(grades.reward()).isDeepEqualTo(new double[][]{{1}, {}, {3, 4, 5}});
            assertThat(grades.rollouts()).isEqualTo(4);
            assertThat(grades.ungraded()).isZero();
            assertThat(grades.firstError()).isNull();
            assertThat(grading.begin().await().reward()).isEmpty();
        }
    }

    @Test
    void shouldAverageThePartsOfRewards() throws InterruptedException {
        RewardFunction function = new RewardFunction() {
            @Override
            public double score(RewardInput input) {
                return number(input);
            }

            @Override
            public Grade grade(RewardInput input) {
                double reward = score(input); // not a number: ungraded, and without parts
                return new Grade(reward,
                        reward > 2 ? Map.of("all", reward, "large", 10 * reward) : Map.of("all", reward));
            }
        };
        try (Grading grading = new Grading("test", function, 8, LONG)) {
            Grading.Round round = grading.begin();
            round.submit(0, group("1", "x", "2"));
            round.submit(1, group("3"));
            Grades grades = round.await();
            assertThat(grades.reward()[0][1]).isNaN();
            assertThat(grades.ungraded()).isEqualTo(1);
            assertThat(grades.parts()).containsExactly(Map.entry("all", 2.0), Map.entry("large", 30.0));
        }
    }

    @Test
    void shouldGradeBeforeAllGroupsAreThere() throws InterruptedException {
        CountDownLatch graded = new CountDownLatch(2);
        try (Grading grading = new Grading("test", input -> {
            graded.countDown();
            return 1;
        }, 4, LONG)) {
            Grading.Round round = grading.begin();
            round.submit(0, group("1", "2"));
            graded.await(); // while the caller could still be generating
            round.submit(1, group("3"));
            assertThat(round.await().reward()).isDeepEqualTo(new double[][]{{1, 1}, {1}});
        }
    }

    @Test
    void shouldRunNoMoreThanAllowedAtOnceAndOnVirtualThreads() throws InterruptedException {
        AtomicInteger now = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        Set<Boolean> virtual = ConcurrentHashMap.newKeySet();
        CountDownLatch full = new CountDownLatch(3);
        try (Grading grading = new Grading("test", input -> {
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            virtual.add(Thread.currentThread().isVirtual());
            full.countDown();
            full.await(); // opens only when three run at once
            now.decrementAndGet();
            return 0;
        }, 3, LONG)) {
            Grading.Round round = grading.begin();
            for (int g = 0; g < 20; g++) {
                round.submit(g, group("1", "2", "3"));
            }
            assertThat(round.await().rollouts()).isEqualTo(60);
            assertThat(most).hasValue(3);
            assertThat(virtual).containsExactly(true);
        }
    }

    @Test
    void shouldCostOneRolloutWhenTheGraderThrowsOrReturnsNoNumber() throws InterruptedException {
        RewardFunction function = input -> switch (input.completion()) {
            case "nan" -> Double.NaN;
            case "infinite" -> Double.POSITIVE_INFINITY;
            case "throw" -> throw new IllegalStateException("bad item");
            case "error" -> throw new StackOverflowError();
            default -> number(input);
        };
        try (Grading grading = new Grading("test", function, 2, LONG)) {
            Grading.Round round = grading.begin();
            round.submit(1, group("nan", "2"));
            round.submit(0, group("7", "throw", "error", "infinite"));
            Grades grades = round.await();
            assertThat(grades.reward()[0]).containsExactly(7, Double.NaN, Double.NaN, Double.NaN);
            assertThat(grades.reward()[1]).containsExactly(Double.NaN, 2);
            assertThat(grades.error()[0]).containsExactly("", "IllegalStateException: bad item", "StackOverflowError",
                    "The reward is Infinity, not a finite number.");
            assertThat(grades.error()[1]).containsExactly("The reward is NaN, not a finite number.", "");
            assertThat(grades.ungraded()).isEqualTo(4);
            assertThat(grades.timedOut()).isZero();
            assertThat(grades.firstError()).isEqualTo("IllegalStateException: bad item");
        }
    }

    @Test
    void shouldFailTheStepWhenNothingCouldBeGraded() throws InterruptedException {
        try (Grading grading = new Grading("picky", input -> {
            throw new D3sException(ErrorCategory.USER, "template_variable", "No member " + input.completion() + ".");
        }, 2, LONG)) {
            Grading.Round round = grading.begin();
            round.submit(0, group("a", "b"));
            round.submit(1, group("c"));
            assertThatThrownBy(round::await).asInstanceOf(type(D3sException.class)).satisfies(e -> {
                assertThat(e.category()).isEqualTo(ErrorCategory.USER);
                assertThat(e.code()).isEqualTo("grading_failed");
                assertThat(e.text()).isEqualTo(
                        "Grader 'picky' graded none of the 3 rollouts. The first error: No member a.");
            });
        }
    }

    @Test
    void shouldInterruptASlowGraderAtItsLimit() throws InterruptedException {
        CountDownLatch never = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        try (Grading grading = new Grading("slow", input -> {
            if (input.completion().equals("slow")) {
                try {
                    never.await();
                } catch (InterruptedException e) {
                    interrupted.set(true);
                    throw e;
                }
            }
            return 1;
        }, 4, SHORT)) {
            Grading.Round round = grading.begin();
            round.submit(0, group("quick", "slow"));
            Grades grades = round.await();
            assertThat(grades.reward()[0]).containsExactly(1, Double.NaN);
            assertThat(grades.timedOut()).isEqualTo(1);
            assertThat(grades.firstError()).isEqualTo("Grading took longer than its limit of 0.3 s.");
            assertThat(interrupted).isTrue();
            assertThat(grading.abandoned()).isZero();
        }
    }

    @Test
    void shouldAbandonAndCountAGraderThatIgnoresItsInterrupt() throws InterruptedException {
        CountDownLatch open = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(3);
        Set<Boolean> virtual = ConcurrentHashMap.newKeySet();
        try (Grading grading = new Grading("deaf", input -> {
            if (input.completion().equals("hang")) {
                awaitDeaf(open);
                ended.countDown();
            } else {
                virtual.add(Thread.currentThread().isVirtual());
            }
            return 1;
        }, 2, SHORT)) {
            Grading.Round round = grading.begin();
            round.submit(0, group("hang", "hang", "hang"));
            round.submit(1, group("quick"));
            Grades grades = round.await();
            assertThat(grades.reward()[0]).containsExactly(Double.NaN, Double.NaN, Double.NaN);
            assertThat(grades.reward()[1]).containsExactly(1);
            assertThat(grades.timedOut()).isEqualTo(3);
            assertThat(grading.abandoned()).isEqualTo(3);
            assertThat(virtual).as("no carrier thread for a grader that hangs").containsExactly(false);

            Grading.Round next = grading.begin();
            next.submit(0, group("quick", "quick"));
            assertThat(next.await().ungraded()).isZero();
            open.countDown();
            ended.await();
        }
    }

    /** Computes for ever on every carrier thread there is: nothing virtual can run, and the step still ends. */
    @Test
    void shouldEndTheStepWhenGradersTakeAllCarrierThreads() throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        int rollouts = Runtime.getRuntime().availableProcessors() * 2 + 1;
        String[] completions = new String[rollouts];
        Arrays.fill(completions, "spin");
        try (Grading grading = new Grading("busy", input -> {
            while (!stop.get()) {
                Thread.onSpinWait();
            }
            return 1;
        }, rollouts, SHORT)) {
            Grading.Round round = grading.begin();
            round.submit(0, group(completions));
            assertThatThrownBy(round::await).isInstanceOf(D3sException.class)
                .hasMessageContaining("graded none of the " + rollouts)
                .hasMessageContaining("limit of 0.3 s");
            assertThat(grading.abandoned()).isPositive();
        } finally {
            stop.set(true);
        }
    }

    @Test
    void shouldGiveUpOnAGraderThatKeepsHanging() throws InterruptedException {
        CountDownLatch open = new CountDownLatch(1);
        String[] completions = new String[Grading.MAXIMUM_ABANDONED + 40];
        Arrays.fill(completions, "hang");
        completions[0] = "quick";
        try (Grading grading = new Grading("deaf", input -> {
            if (input.completion().equals("hang")) {
                awaitDeaf(open);
            }
            return 1;
        }, 128, SHORT)) {
            Grading.Round round = grading.begin();
            round.submit(0, group(completions));
            assertThatThrownBy(round::await).asInstanceOf(type(D3sException.class)).satisfies(e -> {
                assertThat(e.category()).isEqualTo(ErrorCategory.PLUGIN);
                assertThat(e.code()).isEqualTo("grader_hangs");
                assertThat(e.text()).contains("'deaf' ignores interruption");
            });
        } finally {
            open.countDown();
        }
    }

    @Test
    void shouldCloseTheRewardFunctionOnceAndEndWhoeverWaits() throws InterruptedException {
        AtomicInteger closed = new AtomicInteger();
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        Grading grading = new Grading("test", new RewardFunction() {
            @Override
            public double score(RewardInput input) throws InterruptedException {
                running.countDown();
                never.await();
                return 1;
            }

            @Override
            public void close() {
                closed.incrementAndGet();
                throw new IllegalStateException("closing is never anyone's problem");
            }
        }, 1, LONG);
        Grading.Round round = grading.begin();
        round.submit(0, group("1", "2"));
        running.await();
        Thread closer = Thread.ofPlatform().start(grading::close);
        assertThatThrownBy(round::await).isInstanceOf(D3sException.class).hasMessageContaining("Grading was closed.");
        closer.join();
        grading.close();
        assertThat(closed).hasValue(1);
        assertThatThrownBy(() -> grading.begin().submit(0, group("3"))).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void shouldStopWaitingWhenTheWaiterIsInterrupted() throws InterruptedException {
        CountDownLatch never = new CountDownLatch(1);
        try (Grading grading = new Grading("test", input -> {
            never.await();
            return 1;
        }, 1, LONG)) {
            Grading.Round round = grading.begin();
            round.submit(0, group("1", "2"));
            Thread.currentThread().interrupt();
            assertThatThrownBy(round::await).isInstanceOf(InterruptedException.class);
        }
    }

    private static void awaitDeaf(CountDownLatch latch) {
        boolean done = false;
        while (!done) {
            try {
                latch.await();
                done = true;
            } catch (InterruptedException ignored) {
                // what a badly written grader does
            }
        }
    }
}

package dev.d3s.plugins.testkit;

import static dev.d3s.plugins.testkit.Factories.grader;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

class RewardFunctionContractTest {
    /** An author's test. */
    static final class Subject extends RewardFunctionContract {
        private static RewardFunctionFactory factory = grader(List.of(), () -> RewardFunctionContractTest::length);
        private static @Nullable RewardInput slow;
        private static boolean repeatable = true;

        @Override
        protected RewardFunctionFactory factory() {
            return factory;
        }

        @Override
        protected @Nullable RewardInput slowRollout() {
            return slow;
        }

        @Override
        protected boolean isRepeatable() {
            return repeatable;
        }

        @Override
        Duration deadline() {
            return Duration.ofSeconds(slow == null ? 10 : 1);
        }

        static void use(RewardFunctionFactory given, @Nullable RewardInput slowly, boolean alike) {
            factory = given;
            slow = slowly;
            repeatable = alike;
        }
    }

    private static final RewardInput SLOW = new RewardInput("", "slow", false, Map.of());

    private static double length(RewardInput rollout) {
        return rollout.completion().length();
    }

    private static Mistake mistake(String name, Supplier<RewardFunction> given, String check, String words) {
        return new Mistake(name, Subject.class, () -> Subject.use(grader(List.of(), given), null, true),
                Map.of(check, words));
    }

    @Test
    void shouldPassGoodGraders() {
        Subject.use(grader(List.of(), () -> RewardFunctionContractTest::length), null, true);
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(grader(List.of(), () -> rollout -> ThreadLocalRandom.current().nextDouble()), null, false);
        assertThat(Mistake.failures(Subject.class)).as("one that says that its rewards vary").isEmpty();
        Subject.use(grader(List.of(), () -> rollout -> {
            if (rollout.completion().equals("slow")) {
                new CountDownLatch(1).await(); // until it is interrupted
            }
            return 1;
        }), SLOW, true);
        assertThat(Mistake.failures(Subject.class)).as("one that waits until it is interrupted").isEmpty();
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldFind(Mistake mistake) {
        mistake.shouldBeFound();
    }

    static List<Mistake> mistakes() {
        return List.of(
                new Mistake("a key that hides the grader's name", Subject.class,
                        () -> Subject.use(grader(List.of(new ConfigKey.Text("type", "x", "of what")),
                                () -> RewardFunctionContractTest::length), null, true),
                        Map.of("shouldDeclareNoKeyNamedType", "rename it")),
                mistake("divides by the length of nothing", () -> rollout -> 0.0 / rollout.completion().length(),
                        "shouldGiveAFiniteReward", "give a finite reward"),
                mistake("reads the first character of nothing", () -> rollout -> rollout.completion().charAt(0),
                        "shouldGiveAFiniteReward", "whatever a model says"),
                mistake("changes the row", () -> rollout -> {
                    rollout.item().put("seen", true);
                    return 1;
                }, "shouldGiveAFiniteReward", "UnsupportedOperationException"),
                graded("gives a grade that is not its score", new Grade(2, Map.of()), "let score() return grade()"),
                graded("gives a part that is not a number", new Grade(1, Map.of("style", Double.NaN)),
                        "a part is finite"),
                graded("gives a part a name that no metric can have", new Grade(1, Map.of("style!", 1.0)),
                        "letters, digits and _"),
                graded("gives more parts than can be reported",
                        new Grade(1, IntStream.rangeClosed(0, Grade.MAXIMUM_PARTS)
                            .boxed()
                            .collect(Collectors.toMap(i -> "part" + i, i -> 1.0))),
                        "report at most 16"),
                graded("gives no grade", Factories.<Grade>unchecked(null), "return one"),
                mistake("computes in a field", () -> new RewardFunction() {
                    private volatile String text = "";

                    @Override
                    public double score(RewardInput rollout) {
                        text = rollout.completion();
                        LockSupport.parkNanos(1_000_000); // as a call of a service: another thread goes on
                        return text.length();
                    }
                }, "shouldGiveTheSameRewardsToManyThreads", "in local variables, not in fields"),
                mistake("belongs to the thread that used it first", () -> new RewardFunction() {
                    private @Nullable Thread owner;

                    @Override
                    public synchronized double score(RewardInput rollout) {
                        owner = owner == null ? Thread.currentThread() : owner;
                        if (!Thread.currentThread().equals(owner)) {
                            throw new IllegalStateException("another thread");
                        }
                        return 1;
                    }
                }, "shouldGiveTheSameRewardsToManyThreads", "nothing beside 16 threads"),
                mistake("says that its rewards do not vary",
                        () -> rollout -> ThreadLocalRandom.current().nextDouble(),
                        "shouldGiveTheSameRewardsToManyThreads", "overrides isRepeatable()"),
                new Mistake("goes on when interrupted", Subject.class,
                        () -> Subject.use(grader(List.of(), () -> RewardFunctionContractTest::stubborn), SLOW, true),
                        Map.of("shouldEndWhenInterrupted", "let InterruptedException end the call")),
                mistake("cannot be closed unused", () -> new RewardFunction() {
                    private @Nullable String connection;

                    @Override
                    public double score(RewardInput rollout) {
                        connection = "open";
                        return 1;
                    }

                    @Override
                    public void close() {
                        if (connection == null) {
                            throw new IllegalStateException("not connected");
                        }
                    }
                }, "shouldCloseInAnyState", "and nothing where nothing was"),
                new Mistake("closes what others use", Subject.class, () -> {
                    boolean[] closed = new boolean[1];
                    Subject.use(grader(List.of(), () -> {
                        closed[0] = false;
                        return new RewardFunction() {
                            @Override
                            public double score(RewardInput rollout) {
                                if (closed[0]) {
                                    throw new IllegalStateException("closed");
                                }
                                return 1;
                            }

                            @Override
                            public void close() {
                                closed[0] = true;
                            }
                        };
                    }), null, true);
                }, Map.of("shouldCloseInAnyState", "share nothing that close() releases")));
    }

    private static Mistake graded(String name, Grade grade, String words) {
        return mistake(name, () -> new RewardFunction() {
            @Override
            public double score(RewardInput rollout) {
                return 1;
            }

            @Override
            public Grade grade(RewardInput rollout) {
                return grade;
            }
        }, "shouldGiveAGradeThatCanBeReported", words);
    }

    private static double stubborn(RewardInput rollout) {
        CountDownLatch never = new CountDownLatch(rollout.completion().equals("slow") ? 1 : 0);
        while (never.getCount() > 0) {
            try {
                never.await();
            } catch (InterruptedException e) {
                assertThat(e).isNotNull(); // and waits again
            }
        }
        return 1;
    }
}

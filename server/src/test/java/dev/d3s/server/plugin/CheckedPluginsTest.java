package dev.d3s.server.plugin;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.StatefulSelector;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;

/** Each check with a plugin that breaks it, and one that does not. */
class CheckedPluginsTest {
    private static final RewardInput INPUT = new RewardInput("prompt", "completion", false, Map.of());

    private static RolloutBatch rollouts() {
        return new RolloutBatch(new int[]{0, 0, 0}, 1, new double[]{1, 0, Double.NaN}, new double[]{0.7, -0.7, 0},
                new int[]{2, 3, 4});
    }

    private static TokenBatch tokens() {
        return new TokenBatch(new int[]{0, 0}, new double[]{1, -1}, new float[][]{{1, 2}, {3}},
                new float[][]{{-1, -2}, {-3}});
    }

    private static RolloutSelection keptRollouts(RolloutSelector selector) {
        return new PluginRegistry(List.of(new Plugins().rolloutSelector("odd", selector)))
            .rolloutSelector("odd", Map.of())
            .select(rollouts(), 0.5, 1);
    }

    private static TokenSelection keptTokens(TokenSelector selector) {
        return new PluginRegistry(List.of(new Plugins().tokenSelector("odd", selector))).tokenSelector("odd", Map.of())
            .select(tokens(), 0.5, 1);
    }

    private static double at(Schedule schedule) {
        return new PluginRegistry(List.of(new Plugins().schedule("odd", schedule))).schedule("odd", Map.of())
            .at(3, 9, 0.75,
                    0.25);
    }

    private static RewardFunction grader(RewardFunction function) {
        return new PluginRegistry(List.of(new Plugins().rewardFunction("odd", List.of(), config -> function)))
            .rewardFunction("odd", Map.of());
    }

    private static void breaks(ThrowingCallable call, String message) {
        fails(call, ErrorCategory.PLUGIN, "plugin_broke_contract", "'odd' broke its contract: ", message);
    }

    private static void fails(ThrowingCallable call, ErrorCategory category, String code, String... messages) {
        assertThatThrownBy(call).asInstanceOf(type(D3sException.class)).satisfies(e -> {
            assertThat(e.category()).isEqualTo(category);
            assertThat(e.code()).isEqualTo(code);
            assertThat(e.text()).contains(messages);
        });
    }

    @Test
    void shouldPassOnWhatKeepsTheContract() throws Exception {
        assertThat(keptRollouts((b, ratio, seed) -> RolloutSelection.of(1, 0)).kept())
            .containsExactly(1,
                    0);
        assertThat(keptRollouts((b, ratio, seed) -> RolloutSelection.of()).kept()).isEmpty();
        TokenSelection kept = TokenSelection.of(new boolean[][]{{true, false}, {false}})
            .withWeight(new float[][]{{2, 0}, {Float.NaN}});
        assertThat(keptTokens((b, ratio, seed) -> kept)).isSameAs(kept);
        assertThat(at((step, total, from, to) -> 0.5)).isEqualTo(0.5);
        assertThat(at((step, total, from, to) -> 0.75 + 1e-12)).isEqualTo(0.75);
        assertThat(grader(input -> 0.25).score(INPUT)).isEqualTo(0.25);
    }

    private static RewardFunction graded(Grade grade) {
        return grader(new RewardFunction() {
            @Override
            public double score(RewardInput input) {
                return 1;
            }

            @Override
            public Grade grade(RewardInput input) {
                return grade;
            }
        });
    }

    @Test
    void shouldCatchABrokenGrade() throws Exception {
        Grade good = new Grade(2, Map.of("style", 0.5));
        assertThat(graded(good).grade(INPUT)).isEqualTo(good);
        assertThat(graded(good).score(INPUT)).isEqualTo(2);
        breaks(() -> graded(nothing()).grade(INPUT), "it returned null.");
        breaks(() -> graded(Grade.of(Double.NaN)).grade(INPUT), "it returned the reward NaN.");
        breaks(() -> graded(new Grade(1, Map.of("a-b", 1.0))).grade(INPUT), "a part named 'a-b'");
        breaks(() -> graded(new Grade(1, Map.of("a", Double.POSITIVE_INFINITY))).grade(INPUT),
                "the part a = Infinity.");
        Map<String, Double> many = IntStream.range(0, 17).boxed().collect(toMap(i -> "p" + i, i -> 0.0));
        breaks(() -> graded(new Grade(1, many)).grade(INPUT), "its grade has 17 parts, more than 16.");
    }

    @Test
    void shouldCatchABrokenRolloutSelector() {
        breaks(() -> keptRollouts((b, r, s) -> RolloutSelection.of(3)),
                "it kept rollout 3 of a batch of 3.");
        breaks(() -> keptRollouts((b, r, s) -> RolloutSelection.of(-1)), "it kept rollout -1");
        breaks(() -> keptRollouts((b, r, s) -> RolloutSelection.of(0, 1, 0)),
                "it kept rollout 0 twice.");
        breaks(() -> keptRollouts((b, r, s) -> RolloutSelection.of(2)),
                "rollout 2, which has no reward.");
        breaks(() -> keptRollouts((b, r, s) -> RolloutSelection.of(0).withAdvantage(1, 2)),
                "2 advantages for 1 kept rollouts.");
        breaks(() -> keptRollouts((b, r, s) -> RolloutSelection.of(0).withAdvantage(Double.NaN)),
                "the advantage NaN.");
        breaks(() -> keptRollouts((b, r, s) -> {
            b.advantage()[0] = 5;
            return RolloutSelection.of(0);
        }), "it changed the batch it was given.");
        fails(() -> keptRollouts((b, r, s) -> RolloutSelection.of(b.group()[99])),
                ErrorCategory.PLUGIN,
                "plugin_failed", "Rollout selector 'odd' failed: ", "ArrayIndexOutOfBounds");
    }

    @Test
    void shouldCatchWrongMetrics() {
        RolloutSelection none = RolloutSelection.of();
        breaks(() -> keptRollouts((b, r, s) -> none.withMetrics(Map.of("Upper", 1.0))), "a metric named 'Upper'");
        breaks(() -> keptRollouts((b, r, s) -> none.withMetrics(Map.of("x", Double.NaN))), "it reported x = NaN.");
        Map<String, Double> many = IntStream.range(0, 17).boxed().collect(toMap(i -> "m" + i, i -> 0.0));
        breaks(() -> keptRollouts((b, r, s) -> none.withMetrics(many)), "it reported 17 metrics, more than 16.");
        TokenSelection all = TokenSelection.of(new boolean[][]{{true, true}, {true}});
        breaks(() -> keptTokens((b, r, s) -> all.withMetrics(Map.of("", 1.0))), "a metric named ''");
        assertThat(keptTokens((b, r, s) -> all.withMetrics(Map.of("a_1", 2.0))).metrics())
            .containsExactly(Map.entry("a_1", 2.0));
    }

    /** A selector whose state is whatever a test wants. */
    private record WithState(byte[] state) implements RolloutSelector, StatefulSelector {
        @Override
        public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
            return RolloutSelection.of();
        }

        @Override
        public byte[] saveState() {
            return state;
        }

        @Override
        public void restoreState(byte[] given) {
            throw new D3sException(ErrorCategory.PLUGIN, "unreadable", "The state is of version " + given[0] + ".");
        }
    }

    private static StatefulSelector stateful(byte[] state) {
        return (StatefulSelector) new PluginRegistry(
                List.of(new Plugins().rolloutSelector("odd", new WithState(state))))
            .rolloutSelector("odd", Map.of());
    }

    @Test
    void shouldCatchABrokenState() {
        breaks(() -> stateful(nothing()).saveState(), "its state is null.");
        breaks(() -> stateful(new byte[StatefulSelector.MAXIMUM_BYTES + 1]).saveState(), "more than 1048576.");
        assertThat(stateful(new byte[]{4}).saveState()).containsExactly(4);
        fails(() -> stateful(new byte[0]).restoreState(new byte[]{9}), ErrorCategory.PLUGIN, "unreadable",
                "Rollout selector 'odd': The state is of version 9.");
        assertThat(new PluginRegistry(
                List.of(new Plugins().rolloutSelector("pure", (b, r, s) -> RolloutSelection.of())))
            .rolloutSelector("pure", Map.of()))
            .isNotInstanceOf(StatefulSelector.class);
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // what a plugin compiled without our checks can do
    private static <T> T nothing() {
        return null;
    }

    @Test
    void shouldInterruptWhatTakesTooLong() {
        AtomicBoolean interrupted = new AtomicBoolean();
        CountDownLatch never = new CountDownLatch(1);
        PluginRegistry registry = new PluginRegistry(
                List.of(new Plugins().rolloutSelector("odd", (b, r, s) -> {
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        interrupted.set(true);
                    }
                    return RolloutSelection.of();
                })), Duration.ofMillis(20));
        RolloutSelector selector = registry.rolloutSelector("odd", Map.of());
        for (int call = 0; call <= PluginGuard.MAXIMUM_HANGING; call++) {
            interrupted.set(false);
            fails(() -> selector.select(rollouts(), 0.5, 1), ErrorCategory.PLUGIN, "plugin_timed_out",
                    "Rollout selector 'odd' took longer than its limit of 0.02 s (d3s.plugins.timeout)");
            assertThat(interrupted).isTrue();
        }
    }

    @Test
    void shouldNotCallAPluginAnyMoreWhoseCallsHang() {
        Semaphore hanging = new Semaphore(0);
        PluginRegistry registry = new PluginRegistry(
                List.of(new Plugins().schedule("odd", (step, total, from, to) -> {
                    hanging.acquireUninterruptibly();
                    return from;
                }).schedule("good", (step, total, from, to) -> to)), Duration.ofMillis(20));
        Schedule schedule = registry.schedule("odd", Map.of());
        for (int call = 0; call < PluginGuard.MAXIMUM_HANGING; call++) {
            fails(() -> schedule.at(0, 1, 1, 1), ErrorCategory.PLUGIN, "plugin_timed_out", "took longer");
        }
        fails(() -> schedule.at(0, 1, 1, 1), ErrorCategory.PLUGIN, "plugin_timed_out",
                "Schedule 'odd' is not called any more: 4 earlier calls still run");
        assertThat(registry.schedule("good", Map.of()).at(0, 1, 0.2, 0.4)).as("its neighbour").isEqualTo(0.4);
        hanging.release(Integer.MAX_VALUE / 2);
        // when they have ended after all, it may try again
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            while (thread.getName().equals("plugin Schedule 'odd'")) {
                Thread.onSpinWait();
            }
        }
        assertThat(schedule.at(0, 1, 1, 1)).isEqualTo(1);
    }

    @Test
    void shouldNotHandAnInterruptOnToTheNextCall() {
        PluginRegistry registry = new PluginRegistry(
                List.of(new Plugins().schedule("odd", (step, total, from, to) -> {
                    try {
                        new CountDownLatch(1).await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt(); // as well-behaved code does
                    }
                    return from;
                }).schedule("good", (step, total, from, to) -> Thread.currentThread().isInterrupted() ? from : to)),
                Duration.ofMillis(20));
        for (int call = 0; call < PluginGuard.MAXIMUM_HANGING; call++) {
            fails(() -> registry.schedule("odd", Map.of()).at(0, 1, 1, 1), ErrorCategory.PLUGIN, "plugin_timed_out",
                    "took longer");
            assertThat(registry.schedule("good", Map.of()).at(0, 1, 0.2, 0.4)).isEqualTo(0.4);
        }
    }

    @Test
    void shouldGiveUpWhenTheJobIsAbandoned() {
        CountDownLatch never = new CountDownLatch(1);
        Thread caller = Thread.currentThread();
        assertThatThrownBy(() -> at((step, total, from, to) -> {
            caller.interrupt();
            try {
                never.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return from;
        })).isInstanceOf(CancellationException.class).hasMessageContaining("Schedule 'odd' was abandoned.");
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void shouldCatchABrokenTokenSelector() {
        breaks(() -> keep(new boolean[][]{{true, true}}), "1 rows for 2 rollouts.");
        breaks(() -> keep(new boolean[][]{{true, true}, {true, true}}),
                "row 1 has 2 flags for a completion of 1 tokens.");
        breaks(() -> keep(new boolean[][]{{false, false}, {false}}), "it kept no token.");
        boolean[][] all = {{true, true}, {true}};
        breaks(() -> keep(all, new float[][]{{1, 1}}), "weights of 1 rows for 2 rollouts.");
        breaks(() -> keep(all, new float[][]{{1}, {1}}), "row 0 has 1 weights for a completion of 2 tokens.");
        for (float weight : new float[]{Float.NaN, Float.POSITIVE_INFINITY, 0, -1}) {
            breaks(() -> keep(all, new float[][]{{1, weight}, {1}}),
                    "kept token 1 of row 0 has the weight " + weight);
        }
        breaks(() -> keptTokens((b, r, s) -> {
            b.entropy()[1][0] = 0;
            return TokenSelection.of(all);
        }), "it changed the batch it was given.");
        fails(() -> keptTokens((b, r, s) -> {
            throw new StackOverflowError();
        }), ErrorCategory.PLUGIN, "plugin_failed", "Token selector 'odd' failed: ", "StackOverflowError");
    }

    private static void keep(boolean[][] kept) {
        keptTokens((batch, ratio, seed) -> TokenSelection.of(kept));
    }

    private static void keep(boolean[][] kept, float[][] weight) {
        keptTokens((batch, ratio, seed) -> TokenSelection.of(kept).withWeight(weight));
    }

    @Test
    void shouldCatchABrokenSchedule() {
        for (double value : new double[]{0.24, 0.76, Double.NaN, Double.POSITIVE_INFINITY}) {
            breaks(() -> at((step, total, from, to) -> value),
                    "at step 3 of 9 it returned " + value + ", which is not between 0.25 and 0.75.");
        }
        fails(() -> at((step, total, from, to) -> Math.floorDiv(1, step - 3)), ErrorCategory.PLUGIN, "plugin_failed",
                "Schedule 'odd' failed: ", "by zero");
    }

    @Test
    void shouldCatchABrokenGrader() {
        breaks(() -> grader(input -> Double.NaN).score(INPUT), "it returned the reward NaN.");
        breaks(() -> grader(input -> Double.NEGATIVE_INFINITY).score(INPUT), "it returned the reward -Infinity.");
        fails(() -> grader(input -> {
            throw new java.io.IOException("no route");
        }).score(INPUT), ErrorCategory.PLUGIN, "plugin_failed", "Grader 'odd' failed: ", "no route");
        fails(() -> grader(input -> {
            throw new NoClassDefFoundError("gone");
        }).score(INPUT), ErrorCategory.PLUGIN, "plugin_failed", "gone");
        fails(() -> grader(input -> {
            throw new D3sException(ErrorCategory.EXTERNAL, "unreachable", "The webhook did not answer.");
        }).score(INPUT), ErrorCategory.EXTERNAL, "unreachable", "Grader 'odd': The webhook did not answer.");
        assertThatThrownBy(() -> grader(input -> {
            throw new InterruptedException();
        }).score(INPUT)).isInstanceOf(InterruptedException.class);
    }

    @Test
    void shouldCloseAGraderOnce() {
        AtomicInteger closed = new AtomicInteger();
        RewardFunction grader = grader(new RewardFunction() {
            @Override
            public double score(RewardInput input) {
                return 0;
            }

            @Override
            public void close() {
                closed.incrementAndGet();
            }
        });
        grader.close();
        grader.close();
        assertThat(closed).hasValue(1);
    }
}

package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.Grade;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.PluginFactory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * What a {@link RewardFunction} (a grader) promises: finite rewards for whatever a model says, from many threads at once; an
 * end soon after its thread is interrupted; nothing shared between two of them. Its author's test is
 *
 * <pre>{@code
 * class MyGraderTest extends RewardFunctionContract {
 *     @Override
 *     protected RewardFunctionFactory factory() {
 *         return new MyGraderFactory();
 *     }
 * }
 * }</pre>
 */
public abstract class RewardFunctionContract extends FactoryContract<RewardFunction, RewardFunctionFactory> {
    private static final int THREADS = 16;

    /**
     * Rollouts that the grader can grade. The default ones have rows with the member {@code answer}, a number as text, and
     * completions from none to thousands of characters.
     */
    protected List<RewardInput> rollouts() {
        Map<String, Object> item = Map.of("prompt", "6 times 7?", "answer", "42");
        List<RewardInput> rollouts = new ArrayList<>();
        for (String completion : List.of("", "42", "The answer is 42.", "6 * 7 = 42\n#### 42", "\\boxed{41}", " \n\t",
                "\u6c49\u5b57 \ud83d\ude00 \u0000", "{{item.answer}} ${x} \\", "7 ".repeat(5000))) {
            rollouts.add(new RewardInput("6 times 7?", completion, completion.length() > 1000, item));
        }
        return rollouts;
    }

    /** A rollout that takes the grader long, so that an interrupt comes while it works; {@code null} where none does. */
    protected @Nullable RewardInput slowRollout() {
        return null;
    }

    /** What the server does for graders; to be overridden by one that needs other graders or a model. */
    protected GraderServices services() {
        return GraderServices.none();
    }

    @Override
    RewardFunction create(PluginFactory<? extends RewardFunction> factory, PluginConfig config) {
        return factory instanceof RewardFunctionFactory graders
                ? graders.create(config, services())
                : factory.create(config);
    }

    /** Whether the same rollout gets the same reward each time; false for a grader that asks a model that samples. */
    protected boolean isRepeatable() {
        return true;
    }

    /** For what must end and does not: nothing that works comes near it. */
    Duration deadline() {
        return Duration.ofSeconds(10);
    }

    private static String shown(RewardInput rollout) {
        String text = rollout.completion();
        return "the completion '" + (text.length() > 60
                ? text.substring(0, 60) + "...' (" + text.length() + " characters)"
                : text + "'");
    }

    /** The reward, or NaN for an exception, which {@link #shouldGiveAFiniteReward} reports. */
    private static double reward(RewardFunction grader, RewardInput rollout) {
        try {
            return grader.score(rollout);
        } catch (Exception | StackOverflowError | AssertionError | LinkageError e) {
            return Double.NaN;
        }
    }

    @Test
    @DisplayName("A grader declares no key named type: that is where a job writes the grader's name")
    final void shouldDeclareNoKeyNamedType() {
        if (factory().configKeys().stream().map(ConfigKey::name).anyMatch("type"::equals)) {
            fail("configKeys() declares 'type': rename it, because the options stand beside the grader's name, which is"
                    + " the member 'type'.");
        }
    }

    @Test
    @DisplayName("A grader gives a finite reward")
    final void shouldGiveAFiniteReward() {
        forEachConfiguration(made -> {
            RewardFunction grader = made.fresh();
            for (RewardInput rollout : rollouts()) {
                double reward;
                try {
                    reward = grader.score(rollout);
                } catch (Exception | StackOverflowError | LinkageError e) {
                    fail(made + " threw " + e + " for " + shown(rollout)
                            + ": give a reward for whatever a model says; override rollouts() where the grader needs other"
                            + " rows.", e);
                    return;
                }
                if (!Double.isFinite(reward)) {
                    fail(made + " gave " + reward + " for " + shown(rollout)
                            + ": give a finite reward, or throw where there is none.");
                }
            }
            discard(grader);
        });
    }

    @Test
    @DisplayName("A grader's grade has the reward of its score, and parts that can be reported")
    final void shouldGiveAGradeThatCanBeReported() {
        forEachConfiguration(made -> {
            RewardFunction grader = made.fresh();
            for (RewardInput rollout : rollouts()) {
                @Nullable
                Grade grade;
                try {
                    grade = grader.grade(rollout);
                } catch (Exception | StackOverflowError | AssertionError | LinkageError e) {
                    if (!Double.isNaN(reward(grader, rollout))) {
                        fail(made + " has a score but threw " + e + " as its grade of " + shown(rollout)
                                + ": let score() return grade().reward().", e);
                    }
                    continue;
                }
                if (grade == null) {
                    fail(made + " gave no grade for " + shown(rollout) + ": return one, or throw where there is none.");
                    return;
                }
                double score = reward(grader, rollout);
                boolean steady = isRepeatable() && score == reward(grader, rollout);
                if (steady && grade.reward() != score) {
                    fail(made + " gave the grade " + grade.reward() + " and the score " + score + " for "
                            + shown(rollout) + ": let score() return grade().reward().");
                }
                if (grade.parts().size() > Grade.MAXIMUM_PARTS) {
                    fail(made + " gave " + grade.parts().size() + " parts: report at most " + Grade.MAXIMUM_PARTS
                            + ".");
                }
                grade.parts().forEach((name, value) -> {
                    if (!Grade.isPartName(name) || !Double.isFinite(value)) {
                        fail(made + " gave the part " + quoted(name) + " = " + value
                                + ": a part is finite, and its name"
                                + " 1 to 40 letters, digits and _, beginning with a letter.");
                    }
                });
            }
            discard(grader);
        });
    }

    @Test
    @DisplayName("A grader gives the same rewards to many threads at once as to one")
    final void shouldGiveTheSameRewardsToManyThreads() {
        forEachConfiguration(made -> {
            RewardFunction grader = made.fresh();
            List<RewardInput> rollouts = rollouts();
            List<Double> alone = rollouts.stream().map(rollout -> reward(grader, rollout)).toList();
            CountDownLatch start = new CountDownLatch(1);
            List<Future<List<Double>>> threads = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                int first = thread;
                threads.add(started(() -> {
                    start.await();
                    List<Double> rewards = new ArrayList<>(alone);
                    for (int i = 0; i < rollouts.size(); i++) {
                        int rollout = (first + i) % rollouts.size();
                        rewards.set(rollout, reward(grader, rollouts.get(rollout)));
                    }
                    return rewards;
                }));
            }
            start.countDown();
            for (Future<List<Double>> thread : threads) {
                List<Double> rewards = joined(thread, made + " did not end when " + THREADS + " threads used it");
                for (int i = 0; i < rewards.size(); i++) {
                    double one = alone.get(i);
                    double many = rewards.get(i);
                    if (isRepeatable() ? Double.compare(one, many) != 0 : Double.isNaN(one) != Double.isNaN(many)) {
                        fail(made + " gave " + one + " for " + shown(rollouts.get(i)) + " alone and "
                                + (Double.isNaN(many) ? "nothing" : many) + " beside " + THREADS
                                + " threads: keep what a call computes in local variables, not in fields; a grader whose"
                                + " rewards vary overrides isRepeatable().");
                    }
                }
            }
            discard(grader);
        });
    }

    @Test
    @DisplayName("A grader ends soon after its thread is interrupted")
    final void shouldEndWhenInterrupted() {
        RewardInput slow = slowRollout();
        forEachConfiguration(made -> {
            RewardFunction grader = made.fresh();
            List<RewardInput> rollouts = slow == null ? rollouts() : List.of(slow);
            for (RewardInput rollout : rollouts) {
                CountDownLatch running = new CountDownLatch(1);
                FutureTask<Double> task = new FutureTask<>(() -> {
                    running.countDown();
                    return reward(grader, rollout);
                });
                Thread thread = Thread.ofVirtual().unstarted(task);
                thread.start();
                try {
                    running.await();
                    thread.interrupt();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                joined(task, made + " went on with " + shown(rollout)
                        + " after its thread was interrupted, as the server does at the job's time limit: let"
                        + " InterruptedException end the call, and look at Thread.interrupted() in long computations");
            }
            discard(grader);
        });
    }

    @Test
    @DisplayName("A grader can be closed unused and used, and closing it leaves others as they were")
    final void shouldCloseInAnyState() {
        forEachConfiguration(made -> {
            RewardFunction unused = made.fresh();
            RewardFunction used = made.fresh();
            RewardFunction other = made.fresh();
            List<Double> before = rollouts().stream().map(rollout -> reward(other, rollout)).toList();
            rollouts().forEach(rollout -> reward(used, rollout));
            try {
                unused.close();
                used.close();
            } catch (RuntimeException | StackOverflowError | LinkageError e) {
                fail(made + ": close() threw " + e
                        + ": let it release what was acquired, and nothing where nothing was; it is called once.", e);
            }
            List<Double> after = rollouts().stream().map(rollout -> reward(other, rollout)).toList();
            for (int i = 0; i < before.size(); i++) {
                if (Double.isFinite(before.get(i)) && !Double.isFinite(after.get(i))) {
                    fail(made + " did not grade " + shown(rollouts().get(i))
                            + " any more after another one was closed: share nothing that close() releases.");
                }
            }
            discard(other);
        });
    }

    private static <V> Future<V> started(Callable<V> work) {
        FutureTask<V> task = new FutureTask<>(work);
        Thread.ofVirtual().start(task);
        return task;
    }

    private <V> V joined(Future<V> thread, String otherwise) {
        try {
            return thread.get(deadline().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return fail(otherwise + ".");
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }
}

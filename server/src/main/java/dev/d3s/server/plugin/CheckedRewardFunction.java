package dev.d3s.server.plugin;

import java.util.concurrent.atomic.AtomicBoolean;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/**
 * Holds a grader to its contract and keeps ours: it is closed once. Thread-safe where the grader is. What is wrong with one
 * rollout is thrown, and costs that rollout.
 */
final class CheckedRewardFunction implements RewardFunction {
    private final PluginGuard guard;
    private final RewardFunction function;
    private final AtomicBoolean closed = new AtomicBoolean();

    CheckedRewardFunction(PluginGuard guard, RewardFunction function) {
        this.guard = guard;
        this.function = function;
    }

    @Override
    public double score(RewardInput input) throws InterruptedException {
        return grade(input).reward();
    }

    // null where the types exclude it: a plugin is compiled without our checks
    @Override
    public Grade grade(RewardInput input) throws InterruptedException {
        @Nullable
        Grade grade;
        try {
            grade = function.grade(input);
        } catch (InterruptedException e) {
            throw e;
        } catch (D3sException e) {
            throw guard.named(e);
        } catch (Exception | LinkageError | StackOverflowError | AssertionError e) {
            throw guard.failed(e);
        }
        if (grade == null) {
            throw guard.broken("it returned null.");
        }
        if (!Double.isFinite(grade.reward())) {
            throw guard.broken("it returned the reward " + grade.reward() + ".");
        }
        guard.checkParts(grade.parts());
        return grade;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            guard.call(() -> {
                function.close();
                return true;
            });
        }
    }
}

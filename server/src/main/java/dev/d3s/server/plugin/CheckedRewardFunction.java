package dev.d3s.server.plugin;

import java.util.concurrent.atomic.AtomicBoolean;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/**
 * Holds a grader to its contract and keeps ours: it is closed once. Thread-safe where the grader is. What is wrong with one
 * rollout is thrown, and costs that rollout.
 */
final class CheckedRewardFunction implements RewardFunction {
    private final PluginFault fault;
    private final RewardFunction function;
    private final AtomicBoolean closed = new AtomicBoolean();

    CheckedRewardFunction(String name, RewardFunction function) {
        this.fault = new PluginFault(PluginKind.REWARD_FUNCTION, name);
        this.function = function;
    }

    @Override
    public double score(RewardInput input) throws InterruptedException {
        double reward;
        try {
            reward = function.score(input);
        } catch (InterruptedException e) {
            throw e;
        } catch (D3sException e) {
            throw fault.named(e);
        } catch (Exception | LinkageError | StackOverflowError | AssertionError e) {
            throw fault.failed(e);
        }
        if (!Double.isFinite(reward)) {
            throw fault.broken("it returned the reward " + reward + ".");
        }
        return reward;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            fault.guard(() -> {
                function.close();
                return true;
            });
        }
    }
}

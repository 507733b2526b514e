package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;

/**
 * What a {@link RolloutSelector} promises, checked over batches of every shape that a job can make: ragged lengths, rollouts
 * without a reward, degenerate groups, groups of one, groups of unequal size, ties everywhere, nothing informative. Its
 * author's test is
 *
 * <pre>{@code
 * class MySelectorTest extends RolloutSelectorContract {
 *     @Override
 *     protected RolloutSelectorFactory factory() {
 *         return new MySelectorFactory();
 *     }
 * }
 * }</pre>
 */
public abstract class RolloutSelectorContract
        extends
            SelectorContract<RolloutSelector, RolloutSelectorFactory, RolloutBatch, RolloutSelection> {
    private final List<Call<RolloutBatch>> calls = RolloutCalls.all();

    /**
     * The most rollouts that the selector keeps of a batch, for one that promises a number; the default promises nothing.
     *
     * @param batch all rollouts of a step
     * @param keepRatio share of the rollouts to keep
     */
    protected int keepsAtMost(RolloutBatch batch, double keepRatio) {
        return batch.size();
    }

    @Test
    @DisplayName("A rollout selector keeps rollouts of the batch")
    final void shouldKeepRolloutsOfTheBatch() {
        forEachAnswer((title, answered) -> {
            int size = answered.call().batch().size();
            for (int rollout : answered.answer().kept()) {
                if (rollout < 0 || rollout >= size) {
                    fail(title + "it kept rollout " + rollout + ": keep indices from 0 to " + (size - 1) + ".");
                }
            }
        });
    }

    @Test
    @DisplayName("A rollout selector keeps no rollout twice")
    final void shouldKeepNoRolloutTwice() {
        forEachAnswer((title, answered) -> {
            boolean[] seen = new boolean[answered.call().batch().size()];
            for (int rollout : answered.answer().kept()) {
                if (rollout >= 0 && rollout < seen.length) {
                    if (seen[rollout]) {
                        fail(title + "it kept rollout " + rollout + " twice: keep each index at most once.");
                    }
                    seen[rollout] = true;
                }
            }
        });
    }

    @Test
    @DisplayName("A rollout selector keeps no rollout without a reward")
    final void shouldKeepNoRolloutWithoutAReward() {
        forEachAnswer((title, answered) -> {
            RolloutBatch batch = answered.call().batch();
            for (int rollout : answered.answer().kept()) {
                if (rollout >= 0 && rollout < batch.size() && !batch.graded(rollout)) {
                    fail(title + "it kept rollout " + rollout
                            + ", which has no reward: leave out rollouts that are not batch.graded().");
                }
            }
        });
    }

    @Test
    @DisplayName("A rollout selector that gives advantages gives a finite one for each rollout that it keeps")
    final void shouldGiveAFiniteAdvantageForEachKeptRollout() {
        forEachAnswer((title, answered) -> {
            int kept = answered.answer().kept().length;
            double[] advantages = answered.answer().advantage();
            if (advantages == null) {
                return;
            }
            if (advantages.length != kept) {
                fail(title + "it gave " + advantages.length + " advantages for " + kept
                        + " kept rollouts: give one for each, in the order of kept, or null.");
            }
            for (double advantage : advantages) {
                if (!Double.isFinite(advantage)) {
                    fail(title + "it gave the advantage " + advantage
                            + ": take care of one rollout, of equal rewards and of a standard deviation of 0.");
                }
            }
        });
    }

    @Test
    @DisplayName("A rollout selector keeps no more than it promises")
    final void shouldKeepNoMoreThanItPromises() {
        forEachAnswer((title, answered) -> {
            int most = keepsAtMost(answered.call().batch(), answered.call().keepRatio());
            // each rollout once and of the batch, because other checks look at the rest
            long kept = Arrays.stream(answered.answer().kept())
                .filter(rollout -> rollout >= 0 && rollout < answered.call().batch().size())
                .distinct()
                .count();
            if (kept > most) {
                fail(title + "it kept " + kept + " rollouts: keep at most " + most
                        + ", as keepsAtMost() promises, or change the promise.");
            }
        });
    }

    @Override
    final List<Call<RolloutBatch>> calls() {
        return calls;
    }

    @Override
    final RolloutSelection select(RolloutSelector selector, RolloutBatch batch, double keepRatio, long seed) {
        return selector.select(batch, keepRatio, seed);
    }

    @Override
    final RolloutBatch copy(RolloutBatch batch) {
        return new RolloutBatch(batch.group().clone(), batch.groupCount(), batch.reward().clone(),
                batch.advantage().clone(), batch.completionLength().clone());
    }

    @Override
    final void overwrite(RolloutBatch batch) {
        for (int i = 0, j = batch.size() - 1; i < j; i++, j--) {
            double reward = batch.reward()[i];
            batch.reward()[i] = batch.reward()[j];
            batch.reward()[j] = reward;
            double advantage = batch.advantage()[i];
            batch.advantage()[i] = batch.advantage()[j];
            batch.advantage()[j] = advantage;
            int length = batch.completionLength()[i];
            batch.completionLength()[i] = batch.completionLength()[j];
            batch.completionLength()[j] = length;
        }
    }

    @Override
    final Object[] parts(RolloutBatch batch) {
        return new Object[]{batch.group(), batch.reward(), batch.advantage(), batch.completionLength()};
    }

    @Override
    final Object @Nullable [] answerParts(RolloutSelection answer) {
        int @Nullable [] kept = answer.kept();
        if (kept == null) {
            return null;
        }
        double[] advantage = answer.advantage();
        return new Object[]{kept.clone(), advantage == null ? "none" : advantage.clone(), answer.metrics()};
    }

    @Override
    final Map<String, Double> metrics(RolloutSelection answer) {
        return answer.metrics();
    }
}

package dev.d3s.plugins.d3s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class NormalizationTest {
    private static RolloutBatch batch(int[] group, double... reward) {
        return new RolloutBatch(group, Arrays.stream(group).max().orElse(-1) + 1, reward, new double[reward.length],
                new int[reward.length]);
    }

    /** Two passes over the kept rewards of each group, written as in the paper. */
    @Property(tries = 300)
    void shouldStandardizeTheKeptRewardsOfEachGroup(@ForAll long seed, @ForAll @IntRange(min = 1, max = 5) int groups,
            @ForAll boolean withZeroAdvantage) {
        Random random = new Random(seed);
        int[] group = IntStream.range(0, groups)
            .flatMap(g -> IntStream.range(0, 1 + (g * 7) % 5).map(i -> g))
            .toArray();
        double offset = random.nextBoolean() ? 0 : 1e6;
        RolloutBatch batch = batch(group,
                IntStream.range(0, group.length).mapToDouble(i -> offset + random.nextInt(4) / 2.0).toArray());
        int[] kept = IntStream.range(0, group.length).filter(i -> random.nextBoolean()).toArray();
        RolloutSelection selection = Normalization.KEPT.apply(batch, kept, withZeroAdvantage);
        double[] advantage = selection.advantage();
        assertThat(advantage).isNotNull().hasSameSizeAs(selection.kept());
        int next = 0;
        for (int i : kept) {
            double[] rewards = Arrays.stream(kept)
                .filter(j -> group[j] == group[i])
                .mapToDouble(j -> batch.reward()[j])
                .toArray();
            double mean = Arrays.stream(rewards).average().orElseThrow();
            double squares = Arrays.stream(rewards).map(r -> (r - mean) * (r - mean)).sum();
            boolean degenerate = Arrays.stream(rewards).distinct().count() == 1;
            if (degenerate && !withZeroAdvantage) {
                continue;
            }
            assertThat(selection.kept()[next]).isEqualTo(i);
            if (advantage != null) {
                assertThat(advantage[next]).isCloseTo(degenerate
                        ? 0
                        : (batch.reward()[i] - mean) / (Math.sqrt(squares / (rewards.length - 1)) + 1e-4),
                        within(1e-9));
            }
            next++;
        }
        assertThat(selection.kept()).hasSize(next);
    }

    @Test
    void shouldNotBlowUpRewardsThatDifferByNoiseOnly() {
        RolloutBatch batch = batch(new int[]{0, 0, 1}, 0.3, 0.1 + 0.2, 1);
        assertThat(batch.reward()[0]).isNotEqualTo(batch.reward()[1]);
        int[] all = {0, 1, 2};
        assertThat(Normalization.KEPT.apply(batch, all, false).kept()).isEmpty();
        assertThat(Normalization.KEPT.apply(batch, all, true).advantage()).containsExactly(0, 0, 0);
    }

    @Test
    void shouldLeaveTheAdvantagesOfTheWholeGroupAlone() {
        RolloutBatch batch = batch(new int[]{0, 0, 1}, 0, 1, 1);
        RolloutSelection selection = Normalization.GROUP.apply(batch, new int[]{2, 1}, false);
        assertThat(selection.kept()).containsExactly(2, 1);
        assertThat(selection.advantage()).isNull();
    }

    @Test
    void shouldBeAnOptionOfEachSelectorOfThePaper() {
        double[] reward = {0, 0, 0, 1, 1, 0, 0, 1};
        double[] advantage = {-0.25, -0.25, -0.25, 0.75, 0.5, -0.5, -0.5, 0.5};
        RolloutBatch batch = new RolloutBatch(new int[]{0, 0, 0, 0, 1, 1, 1, 1}, 2, reward, advantage, new int[8]);
        PluginConfig intra = PluginConfig.of(new IntraGroupSelector.Factory().configKeys(),
                Map.of("normalize", "kept"));
        RolloutSelection perGroup = new IntraGroupSelector.Factory().create(intra).select(batch, 0.5, 3);
        // one low and one high of each group: their standard deviation is sqrt(1/2)
        double half = 0.5 / (Math.sqrt(0.5) + 1e-4);
        assertThat(perGroup.kept()).hasSize(4);
        double[] trained = perGroup.advantage();
        assertThat(trained).isNotNull();
        for (int i = 0; trained != null && i < trained.length; i++) {
            assertThat(trained[i]).isEqualTo(reward[perGroup.kept()[i]] == 1 ? half : -half);
        }
        PluginConfig cross = PluginConfig.of(new CrossGroupSelector.Factory().configKeys(),
                Map.of("normalize", "kept"));
        // the two that vary most are one of each group: neither has anything left to be compared with
        assertThat(new CrossGroupSelector.Factory().create(cross).select(batch, 0.25, 3).kept()).isEmpty();
        assertThat(new CrossGroupSelector.Factory().create(cross).select(batch, 1, 3).kept()).hasSize(8);
    }
}

package dev.d3s.plugins.testkit;

import static dev.d3s.plugins.testkit.Factories.tokens;
import static dev.d3s.plugins.testkit.Factories.unchecked;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.StatefulSelector;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

class TokenSelectorContractTest {
    /** An author's test. */
    static final class Subject extends TokenSelectorContract {
        private static TokenSelectorFactory factory = tokens(() -> TokenSelectorContractTest::good);
        private static boolean promises;

        @Override
        protected TokenSelectorFactory factory() {
            return factory;
        }

        @Override
        protected int keepsAtMost(TokenBatch batch, double keepRatio) {
            return promises
                    ? Math.max(1, (int) Math.ceil(keepRatio * batch.tokenCount()))
                    : super.keepsAtMost(batch, keepRatio);
        }

        static void use(TokenSelectorFactory given, boolean promising) {
            factory = given;
            promises = promising;
        }
    }

    private static boolean[][] rows(TokenBatch batch, boolean kept) {
        boolean[][] rows = new boolean[batch.size()][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new boolean[batch.entropy()[i].length];
            Arrays.fill(rows[i], kept);
        }
        return rows;
    }

    private static float[][] weights(TokenBatch batch, float weight) {
        float[][] rows = new float[batch.size()][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new float[batch.entropy()[i].length];
            Arrays.fill(rows[i], weight);
        }
        return rows;
    }

    /** One token, chosen by the seed, with its weight and a metric. */
    private static TokenSelection good(TokenBatch batch, double keepRatio, long seed) {
        boolean[][] kept = rows(batch, false);
        SplittableRandom random = new SplittableRandom(seed);
        int rollout = random.nextInt(batch.size());
        kept[rollout][random.nextInt(kept[rollout].length)] = true;
        return TokenSelection.of(kept)
            .withWeight(weights(batch, batch.tokenCount()))
            .withMetrics(Map.of("rollout", (double) rollout));
    }

    private static TokenSelection counted(TokenBatch batch, double value) {
        return TokenSelection.of(rows(batch, true)).withMetrics(Map.of("value", value));
    }

    private static Mistake mistake(String name, Supplier<TokenSelector> selector, Map<String, String> failures) {
        return new Mistake(name, Subject.class, () -> Subject.use(tokens(selector), false), failures);
    }

    private static Mistake mistake(String name, TokenSelector selector, String check, String words) {
        return mistake(name, () -> selector, Map.of(check, words));
    }

    @Test
    void shouldPassGoodSelectors() {
        Subject.use(tokens(() -> TokenSelectorContractTest::good), true);
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(tokens(Counting::new), false);
        assertThat(Mistake.failures(Subject.class)).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldFind(Mistake mistake) {
        mistake.shouldBeFound();
    }

    static List<Mistake> mistakes() {
        String rows = "shouldReturnARowForEachRollout";
        String weights = "shouldGiveAPositiveWeightForEachKeptToken";
        return List.of(mistake("a row too few", (batch, ratio, seed) -> {
            boolean[][] kept = rows(batch, true);
            return TokenSelection.of(batch.size() > 1 ? Arrays.copyOf(kept, kept.length - 1) : kept);
        }, rows, "return one row for each"),
                mistake("rows as long as the longest", (batch, ratio, seed) -> {
                    boolean[][] kept = rows(batch, true);
                    int longest = Arrays.stream(kept).mapToInt(row -> row.length).max().orElse(0);
                    return TokenSelection
                        .of(Arrays.stream(kept).map(row -> Arrays.copyOf(row, longest)).toArray(boolean[][]::new));
                }, rows, "return new boolean[batch.entropy()[i].length]"),
                mistake("null for a rollout that keeps nothing", (batch, ratio, seed) -> {
                    boolean[][] kept = rows(batch, true);
                    kept[kept.length - 1] = kept.length > 1 ? unchecked(null) : kept[0];
                    return TokenSelection.of(kept);
                }, rows, "row"),
                mistake("a share rounded down", (batch, ratio, seed) -> {
                    boolean[][] kept = rows(batch, false);
                    for (int i = 0, left = (int) (ratio * batch.tokenCount()); i < kept.length; i++) {
                        for (int t = 0; t < kept[i].length && left > 0; t++, left--) {
                            kept[i][t] = true;
                        }
                    }
                    return TokenSelection.of(kept);
                }, "shouldKeepAtLeastOneToken", "keep at least one"),
                mistake("weights of too few rows", (batch, ratio, seed) -> counted(batch, 1)
                    .withWeight(Arrays.copyOf(weights(batch, 1), batch.size() - 1)), weights,
                        "return one row for each"),
                mistake("weights of the wrong length", (batch, ratio, seed) -> counted(batch, 1)
                    .withWeight(new float[batch.size()][0]), weights, "return new float[batch.entropy()[i].length]"),
                mistake("a weight of 1 / 0",
                        (batch, ratio, seed) -> counted(batch, 1).withWeight(weights(batch, Float.POSITIVE_INFINITY)),
                        weights, "give it a finite, positive weight"),
                mistake("a weight of 0", (batch, ratio, seed) -> counted(batch, 1).withWeight(weights(batch, 0)),
                        weights,
                        "give it a finite, positive weight"),
                new Mistake("more than was promised", Subject.class,
                        () -> Subject.use(tokens(() -> (batch, ratio, seed) -> counted(batch, 1)), true),
                        Map.of("shouldKeepNoMoreThanItPromises", "as keepsAtMost() promises")),
                mistake("null", (batch, ratio, seed) -> unchecked(null), "shouldAnswerEveryBatch",
                        "return a selection"),
                mistake("throws where the advantage is 0", (batch, ratio, seed) -> {
                    for (double advantage : batch.advantage()) {
                        if (advantage == 0) {
                            throw new IllegalArgumentException("advantage");
                        }
                    }
                    return counted(batch, 1);
                }, "shouldAnswerEveryBatch", "answer every batch"),
                mistake("sorts the batch", (batch, ratio, seed) -> {
                    for (float[] row : batch.logprob()) {
                        Arrays.sort(row);
                    }
                    return counted(batch, 1);
                }, "shouldLeaveTheBatchAsItWas", "clone an array"),
                mistake("answers with an array of the batch",
                        () -> (batch, ratio, seed) -> counted(batch, 1).withWeight(batch.entropy()),
                        Map.of("shouldKeepNoArrayOfTheBatch", "return a copy", weights, "finite, positive")),
                mistake("a random source of its own",
                        () -> (batch, ratio, seed) -> counted(batch, ThreadLocalRandom.current().nextDouble()),
                        Map.of("shouldGiveTheSameAnswerToTheSameArguments", "new SplittableRandom(seed)",
                                "shouldNotDependOnEarlierCalls", "implement StatefulSelector",
                                "shouldMakeIndependentInstances", "share nothing", "shouldKeepNoArrayOfTheBatch",
                                "keep none of them")),
                mistake("counts its calls", () -> {
                    AtomicInteger calls = new AtomicInteger();
                    return (batch, ratio, seed) -> counted(batch, calls.getAndIncrement());
                }, Map.of("shouldNotDependOnEarlierCalls", "implement StatefulSelector")),
                mistake("a metric of 0 / 0", (batch, ratio, seed) -> counted(batch, Double.NaN),
                        "shouldReportMetricsThatCanBeStored", "leave a metric out"),
                mistake("does not restore", () -> new Counting() {
                    @Override
                    public void restoreState(byte[] state) {}
                }, Map.of("shouldGoOnAsTheOneThatSaved", "save everything that select reads and writes")));
    }

    /** Remembers how many tokens it has seen, and says so. */
    static class Counting implements TokenSelector, StatefulSelector {
        private long seen;

        @Override
        public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
            seen += batch.tokenCount();
            return counted(batch, (double) seen);
        }

        @Override
        public byte[] saveState() {
            return ByteBuffer.allocate(Long.BYTES).putLong(seen).array();
        }

        @Override
        public void restoreState(byte[] state) {
            if (state.length != Long.BYTES) {
                throw new D3sException(ErrorCategory.PLUGIN, "state", "The state is incomplete.");
            }
            seen = ByteBuffer.wrap(state).getLong();
        }
    }
}

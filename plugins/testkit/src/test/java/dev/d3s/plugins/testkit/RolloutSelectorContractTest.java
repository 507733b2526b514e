package dev.d3s.plugins.testkit;

import static dev.d3s.plugins.testkit.Factories.rollouts;
import static dev.d3s.plugins.testkit.Factories.unchecked;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.RolloutSelector;
import dev.d3s.spi.RolloutSelectorFactory;
import dev.d3s.spi.StatefulSelector;

class RolloutSelectorContractTest {
    /** An author's test. */
    static final class Subject extends RolloutSelectorContract {
        private static RolloutSelectorFactory factory = rollouts(() -> RolloutSelectorContractTest::good);
        private static boolean promises;

        @Override
        protected RolloutSelectorFactory factory() {
            return factory;
        }

        @Override
        protected int keepsAtMost(RolloutBatch batch, double keepRatio) {
            return promises ? wanted(batch, keepRatio) : super.keepsAtMost(batch, keepRatio);
        }

        static void use(RolloutSelectorFactory given, boolean promising) {
            factory = given;
            promises = promising;
        }
    }

    private static int[] graded(RolloutBatch batch) {
        return IntStream.range(0, batch.size()).filter(batch::graded).toArray();
    }

    private static int wanted(RolloutBatch batch, double keepRatio) {
        return (int) Math.max(1, Math.round(keepRatio * batch.size()));
    }

    /** Some graded rollouts, chosen by the seed, with advantages of their own and a metric. */
    private static RolloutSelection good(RolloutBatch batch, double keepRatio, long seed) {
        int[] pool = graded(batch);
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = pool.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int kept = pool[i];
            pool[i] = pool[j];
            pool[j] = kept;
        }
        int[] kept = Arrays.copyOf(pool, Math.min(pool.length, wanted(batch, keepRatio)));
        return RolloutSelection.of(kept)
            .withAdvantage(Arrays.stream(kept).mapToDouble(i -> 2 * batch.advantage()[i]).toArray())
            .withMetrics(Map.of("kept", (double) kept.length));
    }

    private static RolloutSelection counted(RolloutBatch batch, double value) {
        return RolloutSelection.of(graded(batch)).withMetrics(Map.of("value", value));
    }

    /** Remembers how many rollouts it has seen, and says so. */
    static class Counting implements RolloutSelector, StatefulSelector {
        long seen;

        @Override
        public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
            seen += batch.size();
            return counted(batch, (double) seen);
        }

        @Override
        public byte[] saveState() {
            return ByteBuffer.allocate(Long.BYTES).putLong(seen).array();
        }

        @Override
        public void restoreState(byte[] state) {
            if (state.length < Long.BYTES) {
                throw new D3sException(ErrorCategory.PLUGIN, "state", "The state is incomplete.");
            }
            seen = ByteBuffer.wrap(state).getLong();
        }
    }

    private static Mistake mistake(String name, Supplier<RolloutSelector> selector, Map<String, String> failures) {
        return new Mistake(name, Subject.class, () -> Subject.use(rollouts(selector), false), failures);
    }

    private static Mistake mistake(String name, RolloutSelector selector, String check, String words) {
        return mistake(name, () -> selector, Map.of(check, words));
    }

    private static Mistake state(String name, Supplier<RolloutSelector> selector, String check, String words) {
        return mistake(name, selector, Map.of(check, words));
    }

    @Test
    void shouldPassGoodSelectors() {
        Subject.use(rollouts(() -> RolloutSelectorContractTest::good), true);
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(rollouts(Counting::new), false);
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(rollouts(() -> (batch, keepRatio, seed) -> RolloutSelection.of()), false);
        assertThat(Mistake.failures(Subject.class)).as("keeping nothing is allowed").isEmpty();
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldFind(Mistake mistake) {
        mistake.shouldBeFound();
    }

    static List<Mistake> mistakes() {
        return List.of(mistake("an index beyond the batch", (batch, ratio, seed) -> RolloutSelection.of(batch.size()),
                "shouldKeepRolloutsOfTheBatch", "keep indices from 0 to"),
                mistake("a negative index", (batch, ratio, seed) -> RolloutSelection.of(-1),
                        "shouldKeepRolloutsOfTheBatch",
                        "keep indices from 0 to"),
                mistake("an index twice",
                        (batch, ratio, seed) -> RolloutSelection
                            .of(IntStream.concat(Arrays.stream(graded(batch)), Arrays.stream(graded(batch)).limit(1))
                                .toArray()),
                        "shouldKeepNoRolloutTwice", "keep each index at most once"),
                mistake("rollouts without a reward",
                        (batch, ratio, seed) -> RolloutSelection.of(IntStream.range(0, batch.size()).toArray()),
                        "shouldKeepNoRolloutWithoutAReward", "leave out rollouts that are not batch.graded()"),
                mistake("advantages of the whole batch",
                        (batch, ratio, seed) -> RolloutSelection.of(graded(batch))
                            .withAdvantage(batch.advantage().clone()),
                        "shouldGiveAFiniteAdvantageForEachKeptRollout", "give one for each, in the order of kept"),
                mistake("advantages divided by a deviation of 0", RolloutSelectorContractTest::standardised,
                        "shouldGiveAFiniteAdvantageForEachKeptRollout", "a standard deviation of 0"),
                new Mistake("more than was promised", Subject.class,
                        () -> Subject.use(
                                rollouts(() -> (batch, ratio, seed) -> RolloutSelection.of(graded(batch))), true),
                        Map.of("shouldKeepNoMoreThanItPromises", "as keepsAtMost() promises")),
                mistake("null", (batch, ratio, seed) -> unchecked(null), "shouldAnswerEveryBatch",
                        "return a selection"),
                mistake("nothing where nothing is informative", RolloutSelectorContractTest::best,
                        "shouldAnswerEveryBatch", "also one in which nothing is informative"),
                mistake("sorts the batch", (batch, ratio, seed) -> {
                    Arrays.sort(batch.completionLength());
                    return RolloutSelection.of(graded(batch));
                }, "shouldLeaveTheBatchAsItWas", "clone an array before sorting"),
                mistake("answers with an array of the batch", (batch, ratio, seed) -> {
                    int[] graded = graded(batch);
                    RolloutSelection selection = RolloutSelection.of(graded);
                    return graded.length == batch.size() ? selection.withAdvantage(batch.advantage()) : selection;
                }, "shouldKeepNoArrayOfTheBatch", "return a copy"),
                mistake("keeps an answer by the identity of an array", Remembering::new,
                        Map.of("shouldKeepNoArrayOfTheBatch", "keep none of them")),
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
                mistake("keeps its state in a static field", Sharing::new,
                        Map.of("shouldMakeIndependentInstances", "share nothing in static fields",
                                "shouldGoOnAsTheOneThatSaved", "save everything")),
                mistake("too many metrics", (batch, ratio, seed) -> {
                    Map<String, Double> metrics = new HashMap<>();
                    IntStream.range(0, 17).forEach(i -> metrics.put("m" + i, 1.0));
                    return RolloutSelection.of().withMetrics(metrics);
                }, "shouldReportMetricsThatCanBeStored", "report at most 16"),
                mistake("a metric with a bad name",
                        (batch, ratio, seed) -> RolloutSelection.of().withMetrics(Map.of("keptCount", 1.0)),
                        "shouldReportMetricsThatCanBeStored", "lower-case letters, digits and _"),
                mistake("a metric of 0 / 0",
                        (batch, ratio, seed) -> RolloutSelection.of().withMetrics(Map.of("share", Double.NaN)),
                        "shouldReportMetricsThatCanBeStored", "leave a metric out"),
                state("saves null", () -> new Counting() {
                    @Override
                    public byte[] saveState() {
                        return unchecked(null);
                    }
                }, "shouldSaveItsState", "return bytes, possibly none"),
                state("cannot save after one step", () -> new Counting() {
                    @Override
                    public byte[] saveState() {
                        if (seen < 2) {
                            throw new IllegalStateException("nothing yet");
                        }
                        return super.saveState();
                    }
                }, "shouldSaveItsState", "save also what is still empty"),
                state("saves too much", () -> new Counting() {
                    @Override
                    public byte[] saveState() {
                        return Arrays.copyOf(super.saveState(), StatefulSelector.MAXIMUM_BYTES + 1);
                    }
                }, "shouldSaveItsState", "return at most 1048576"),
                state("saves into one array", () -> new Counting() {
                    private final byte[] state = new byte[Long.BYTES];

                    @Override
                    public byte[] saveState() {
                        System.arraycopy(super.saveState(), 0, state, 0, state.length);
                        return state;
                    }
                }, "shouldSaveItsState", "return a new array"),
                state("is changed by saving", () -> new Counting() {
                    @Override
                    public byte[] saveState() {
                        byte[] state = super.saveState();
                        seen = 0;
                        return state;
                    }
                }, "shouldNotChangeBySaving", "let saveState() change nothing"),
                state("restores half of its state", () -> new Counting() {
                    @Override
                    public void restoreState(byte[] state) {
                        super.restoreState(state);
                        seen /= 2;
                    }
                }, "shouldGoOnAsTheOneThatSaved", "save everything that select reads and writes"),
                mistake("cannot read what it saved", () -> new Counting() {
                    @Override
                    public void restoreState(byte[] state) {
                        throw new UnsupportedOperationException("later");
                    }
                }, Map.of("shouldGoOnAsTheOneThatSaved", "read whatever saveState() wrote",
                        "shouldSayThatItCannotReadAState", "throw a D3sException")),
                state("trusts the length of a state", () -> new Counting() {
                    @Override
                    public void restoreState(byte[] state) {
                        seen = ByteBuffer.wrap(state).getLong();
                    }
                }, "shouldSayThatItCannotReadAState", "throw a D3sException that says what to do"));
    }

    private static RolloutSelection standardised(RolloutBatch batch, double keepRatio, long seed) {
        int[] kept = graded(batch);
        double[] rewards = Arrays.stream(kept).mapToDouble(i -> batch.reward()[i]).toArray();
        double mean = Arrays.stream(rewards).average().orElse(0);
        double deviation = Math.sqrt(Arrays.stream(rewards).map(r -> (r - mean) * (r - mean)).average().orElse(0));
        return RolloutSelection.of(kept)
            .withAdvantage(Arrays.stream(rewards).map(reward -> (reward - mean) / deviation).toArray());
    }

    /** The rollout with the largest advantage: there is none above 0 in a batch without any. */
    private static RolloutSelection best(RolloutBatch batch, double keepRatio, long seed) {
        return RolloutSelection.of(Arrays.stream(graded(batch))
            .filter(i -> batch.advantage()[i] > 0)
            .boxed()
            .max((a, b) -> Double.compare(batch.advantage()[a], batch.advantage()[b]))
            .orElseThrow());
    }

    private static final class Remembering implements RolloutSelector {
        private final IdentityHashMap<double[], RolloutSelection> answers = new IdentityHashMap<>();

        @Override
        public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
            return answers.computeIfAbsent(batch.advantage(), advantage -> counted(batch, advantage[0]));
        }
    }

    private static final class Sharing extends Counting {
        private static long together;

        @SuppressWarnings("StaticAssignmentInConstructor")
        Sharing() {
            together = 0;
        }

        @Override
        public RolloutSelection select(RolloutBatch batch, double keepRatio, long seed) {
            together += batch.size();
            return counted(batch, (double) together);
        }

        @Override
        public byte[] saveState() {
            return ByteBuffer.allocate(Long.BYTES).putLong(together).array();
        }

        @Override
        public void restoreState(byte[] state) {
            super.restoreState(state);
            together = seen;
        }
    }
}

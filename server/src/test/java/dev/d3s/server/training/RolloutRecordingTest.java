package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.advantage.Advantages;
import dev.d3s.server.dataset.DatasetRow;
import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.reward.Grades;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.selection.KeptRollouts;
import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.server.training.ReinforcementSettings.EntropySource;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RolloutBatch;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class RolloutRecordingTest {
    @TempDir
    Path directory;

    private RecordingObserver run(TestPlugins plugins, ShortRuns.Settings settings) throws Exception {
        RecordingObserver observer = new RecordingObserver(directory.resolve("checkpoints"));
        new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), plugins.registry())
            .run(new ShortRuns(directory).reinforcement(settings.build()), observer);
        return observer;
    }

    private static List<RecordedRollout> recorded(RecordingObserver observer, int step) {
        return report(observer, step).rollouts();
    }

    private static StepReport report(RecordingObserver observer, int step) {
        return observer.reports.stream().filter(report -> report.step() == step).findFirst().orElseThrow();
    }

    // ---------------------------------------------------------------- in a run

    /** Selectors that keep by position and show what they were given: the record must say the same. */
    @Test
    void shouldRecordWhatWasSelectedTokenByToken() throws Exception {
        List<RolloutBatch> batches = new ArrayList<>();
        List<TokenBatch> candidates = new ArrayList<>();
        Map<String, Double> rewards = new ConcurrentHashMap<>();
        TestPlugins plugins = new TestPlugins().rolloutSelector("every-third", (batch, ratio, seed) -> {
            batches.add(batch);
            int[] kept = IntStream.range(0, batch.size()).filter(rollout -> rollout % 3 == 1).toArray();
            return new RolloutSelection(kept, Arrays.stream(kept).mapToDouble(rollout -> rollout + 0.5).toArray(),
                    Map.of());
        }).tokenSelector("every-other", (batch, ratio, seed) -> {
            candidates.add(batch);
            boolean[][] kept = new boolean[batch.size()][];
            float[][] weight = new float[batch.size()][];
            for (int i = 0; i < kept.length; i++) {
                kept[i] = new boolean[batch.entropy()[i].length];
                weight[i] = new float[kept[i].length];
                for (int t = 0; t < kept[i].length; t++) {
                    kept[i][t] = (i + t) % 2 == 0;
                    weight[i][t] = 1 + t;
                }
            }
            return new TokenSelection(kept, weight, Map.of());
        }).grader("remembered", input -> {
            double reward = TestPlugins.DIGITS.score(input);
            rewards.put(input.prompt() + input.completion(), reward);
            return reward;
        });
        RecordingObserver observer = run(plugins, ShortRuns.settings(2)
            .rollouts(PluginChoice.of("every-third"))
            .tokens(PluginChoice.of("every-other"))
            .entropy(EntropySource.RECOMPUTE)
            .grader("remembered", 10)
            .recording(1, ShortRuns.PROMPTS));

        assertThat(observer.reports.getFirst().rollouts()).as("the evaluation has none").isEmpty();
        for (int step = 0; step < 2; step++) {
            RolloutBatch batch = batches.get(step);
            TokenBatch tokens = candidates.get(step);
            List<RecordedRollout> rollouts = recorded(observer, step);
            assertThat(rollouts).hasSize(ShortRuns.ROLLOUTS);
            int keptTokens = 0;
            int row = 0;
            for (int rollout = 0; rollout < rollouts.size(); rollout++) {
                RecordedRollout one = rollouts.get(rollout);
                assertThat(one.group()).isEqualTo(rollout / ShortRuns.GROUP_SIZE).isEqualTo(batch.group()[rollout]);
                assertThat(one.index()).isEqualTo(rollout % ShortRuns.GROUP_SIZE);
                assertThat(one.reward()).isEqualTo(batch.reward()[rollout])
                    .isEqualTo(rewards.get(one.prompt() + one.completion()));
                assertThat(one.error()).isNull();
                assertThat(one.advantage()).isEqualTo(batch.advantage()[rollout]);
                assertThat(one.kept()).isEqualTo(rollout % 3 == 1);
                assertThat(one.trainedAdvantage()).isEqualTo(one.kept() ? rollout + 0.5 : null);
                assertThat(one.truncated()).isFalse();
                assertThat(one.length()).isEqualTo(batch.completionLength()[rollout]).isEqualTo(one.tokens().size());
                assertThat(one.finishReason()).isEqualTo(one.length() == Runs.MAX_TOKENS
                        && one.tokens().getLast().id() != 0 ? "length" : "stop");
                assertThat(String.join("", one.tokens().stream().map(RecordedRollout.Token::text).toList()))
                    .isEqualTo(one.completion());
                for (int t = 0; t < one.length(); t++) {
                    RecordedRollout.Token token = one.tokens().get(t);
                    boolean kept = one.kept() && (row + t) % 2 == 0;
                    assertThat(token.kept()).isEqualTo(kept);
                    assertThat(token.weight()).isEqualTo(kept ? 1f + t : 0f);
                    assertThat(token.logprob()).isNegative();
                    if (one.kept()) {
                        assertThat(token.entropy()).as("the trainer's").isEqualTo(tokens.entropy()[row][t]);
                        assertThat(token.logprob()).isEqualTo(tokens.logprob()[row][t]);
                    } else {
                        assertThat(token.entropy()).isPositive();
                    }
                    keptTokens += token.kept() ? 1 : 0;
                }
                row += one.kept() ? 1 : 0;
            }
            assertThat(report(observer, step).metrics()).containsEntry(Metric.KEPT_TOKENS.key(), (double) keptTokens);
        }
    }

    /** The method itself, checked from nothing but the record. */
    @Test
    void shouldShowThatD3sKeepsTheExtremesOfTheAdvantageAndTheTopOfTheCriterion() throws Exception {
        RecordingObserver observer = run(new TestPlugins(),
                ShortRuns.settings(3).recording(1, ShortRuns.PROMPTS));
        for (int step = 0; step < 3; step++) {
            List<RecordedRollout> rollouts = recorded(observer, step);
            List<RecordedRollout> kept = rollouts.stream().filter(RecordedRollout::kept).toList();
            Map<String, Double> metrics = report(observer, step).metrics();
            assertThat(metrics).containsEntry(Metric.KEPT_ROLLOUTS.key(), (double) kept.size());

            List<Double> advantages = rollouts.stream().map(RecordedRollout::advantage).sorted().toList();
            List<Double> keptAdvantages = kept.stream().map(RecordedRollout::advantage).sorted().toList();
            int low = (int) keptAdvantages.stream().filter(advantage -> advantage < 0).count();
            assertThat(keptAdvantages).as("the lowest and the highest")
                .containsExactlyElementsOf(Stream
                    .concat(advantages.stream().limit(low),
                            advantages.stream().skip(advantages.size() - (kept.size() - low)))
                    .toList());

            double lowestKept = criteria(kept, true).min(Comparator.naturalOrder()).orElseThrow();
            double highestDropped = criteria(kept, false).max(Comparator.naturalOrder()).orElse(0.0);
            assertThat(lowestKept).isGreaterThanOrEqualTo(highestDropped);
            assertThat((double) criteria(kept, true).count()).isEqualTo(metrics.get(Metric.KEPT_TOKENS.key()));
            assertThat(kept.stream()
                .flatMap(rollout -> rollout.tokens().stream())
                .filter(RecordedRollout.Token::kept)
                .mapToDouble(RecordedRollout.Token::entropy)
                .average()
                .orElseThrow()).isCloseTo(Objects.requireNonNull(metrics.get(Metric.ENTROPY_KEPT.key())), within(1e-6));
        }
    }

    private static Stream<Double> criteria(List<RecordedRollout> rollouts, boolean kept) {
        return rollouts.stream()
            .flatMap(rollout -> rollout.tokens()
                .stream()
                .filter(token -> token.kept() == kept)
                .map(token -> Math.abs(rollout.advantage()) * token.entropy()));
    }

    @Test
    void shouldRecordWhyARolloutHasNoReward() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        RewardFunction flaky = input -> {
            if (calls.incrementAndGet() % 5 == 0) {
                throw new IllegalStateException("out of order");
            }
            return TestPlugins.DIGITS.score(input);
        };
        RecordingObserver observer = run(new TestPlugins().grader("flaky", flaky),
                ShortRuns.settings(1).grader("flaky", 10).recording(1, ShortRuns.PROMPTS));
        List<RecordedRollout> ungraded = recorded(observer, 0).stream()
            .filter(rollout -> rollout.reward() == null)
            .toList();
        assertThat((double) ungraded.size() / ShortRuns.ROLLOUTS).isPositive()
            .isEqualTo(report(observer, 0).metrics().get(Metric.UNGRADED_RATIO.key()));
        assertThat(ungraded).allSatisfy(rollout -> {
            assertThat(rollout.error()).endsWith("IllegalStateException: out of order");
            assertThat(rollout.advantage()).isZero();
            assertThat(rollout.kept()).isFalse();
            assertThat(rollout.trainedAdvantage()).isNull();
            assertThat(rollout.tokens()).isNotEmpty().noneMatch(RecordedRollout.Token::kept);
        });
        assertThat(recorded(observer, 0)).filteredOn(rollout -> rollout.reward() != null)
            .allSatisfy(rollout -> assertThat(rollout.error()).isNull());
    }

    @Test
    void shouldRecordSkippedStepsAndOnlyTheStepsThatAreDue() throws Exception {
        TestPlugins equal = new TestPlugins().grader("equal", input -> 1);
        RecordingObserver observer = run(equal, ShortRuns.settings(5).grader("equal", 10).recording(3, 2));
        for (int step = 0; step < 5; step++) {
            List<RecordedRollout> rollouts = recorded(observer, step);
            assertThat(rollouts).as("step " + step)
                .hasSize(step == 0 || step == 3 || step == 4 ? 2 * ShortRuns.GROUP_SIZE : 0)
                .allSatisfy(rollout -> {
                    assertThat(rollout.kept()).isFalse();
                    assertThat(rollout.reward()).isEqualTo(1);
                    assertThat(rollout.tokens()).noneMatch(RecordedRollout.Token::kept);
                });
        }
    }

    @Test
    void shouldRecordNothingWhenNotAsked() throws Exception {
        RecordingObserver observer = run(new TestPlugins(), ShortRuns.settings(2).recording(0, 2));
        assertThat(observer.reports).hasSize(3).allSatisfy(report -> assertThat(report.rollouts()).isEmpty());
    }

    @Test
    void shouldRecordAboutAHundredStepsByDefault() {
        for (int steps : List.of(1, 40, 100, 101, 250, 12_345)) {
            RecordingSettings settings = new RecordingSettings(RecordingSettings.intervalFor(steps), 1);
            long recorded = IntStream.range(0, steps).filter(step -> settings.due(step, steps)).count();
            assertThat(recorded).as(steps + " steps").isBetween((long) Math.min(steps, 51), 101L);
            assertThat(settings.due(0, steps) && settings.due(steps - 1, steps)).isTrue();
        }
    }

    // ---------------------------------------------------------------- which, and how much of them

    /** Token 'x' is the text "x". */
    private static final Tokenizer LETTERS = new Tokenizer() {
        @Override
        public int[] encode(String text) {
            return text.chars().toArray();
        }

        @Override
        public String decode(int[] tokens) {
            return new String(tokens, 0, tokens.length);
        }

        @Override
        public void close() {
            // nothing is open
        }
    };

    /** A step of groups of two rollouts of this length, of which some are kept. */
    private static RolloutRecording.Step step(String prompt, int length, double[] advantage, int... kept) {
        List<TokenizedRow> rows = new ArrayList<>();
        List<CompletionGroup> groups = new ArrayList<>();
        int groupCount = advantage.length / 2;
        for (int group = 0; group < groupCount; group++) {
            rows.add(new TokenizedRow(new DatasetRow(1, prompt, null, Map.of()), new int[]{1}, null));
            int[] tokens = new int[length];
            Arrays.fill(tokens, 'a' + group % 26);
            Completion completion = new Completion(group, tokens, new float[length], new float[length],
                    FinishReason.LENGTH);
            groups.add(new CompletionGroup(new int[]{1}, List.of(completion, completion)));
        }
        double[][] reward = new double[groupCount][2];
        String[][] error = new String[groupCount][2];
        for (String[] each : error) {
            Arrays.fill(each, "");
        }
        double[] keptAdvantage = Arrays.stream(kept).mapToDouble(rollout -> advantage[rollout]).toArray();
        return new RolloutRecording.Step(rows, Rollouts.of(groups),
                new Grades(reward, error, advantage.length, 0, 0, Map.of(), List.of(), null),
                new Advantages(advantage, new boolean[groupCount], advantage.length, 0, 0),
                new KeptRollouts(1, kept, keptAdvantage, advantage.length, 0, 0, 0, 0, Map.of()), null, null);
    }

    private static List<RecordedRollout> record(int groups, RolloutRecording.Step step) {
        return new RolloutRecording(new RecordingSettings(1, groups), 1, LETTERS).of(0, step);
    }

    @Test
    void shouldPreferGroupsWithKeptRolloutsThenInformativeOnes() {
        RolloutRecording.Step step = step("p", 1, new double[]{0, 0, 1, -1, 0, 0, 2, -2, 1, -1}, 6, 7);
        assertThat(record(4, step)).extracting(RecordedRollout::group).containsExactly(3, 3, 1, 1, 4, 4, 0, 0);
        assertThat(record(1, step)).extracting(RecordedRollout::kept).containsExactly(true, true);
        assertThat(record(64, step)).hasSize(10);
    }

    @Test
    void shouldBoundWhatAStepRecords() {
        int most = RolloutRecording.MOST_TOKENS;
        List<RecordedRollout> rollouts = record(4, step("\uD83D\uDE00".repeat(RolloutRecording.MOST_PROMPT_CHARACTERS),
                most, new double[8]));
        assertThat(rollouts).hasSize(8).allSatisfy(rollout -> {
            assertThat(rollout.truncated()).isTrue();
            assertThat(rollout.length()).isEqualTo(most);
            assertThat(rollout.tokens()).hasSize(most / 8);
            assertThat(rollout.completion()).hasSize(most / 8);
            assertThat(rollout.prompt()).hasSize(RolloutRecording.MOST_PROMPT_CHARACTERS).endsWith("\uDE00");
        });
        assertThat(record(4, step("!" + "\uD83D\uDE00".repeat(RolloutRecording.MOST_PROMPT_CHARACTERS), 1,
                new double[2])))
            .allSatisfy(rollout -> {
                assertThat(rollout.prompt()).as("no half character").endsWith("\uDE00");
                assertThat(rollout.truncated()).isTrue();
            });
        assertThat(record(1000, step("p", 1, new double[2 * RolloutRecording.MOST_ROLLOUTS])))
            .hasSize(RolloutRecording.MOST_ROLLOUTS)
            .noneMatch(RecordedRollout::truncated);
    }

    @Property
    void shouldCutTheLongestAtTheLargestLengthThatFits(
            @ForAll @Size(min = 1, max = 20) List<@IntRange(min = 0, max = 50) Integer> given,
            @ForAll @IntRange(min = 1, max = 300) int most) {
        int[] lengths = given.stream().mapToInt(Integer::intValue).toArray();
        int longest = RolloutRecording.longest(lengths, most);
        int bruteForce = IntStream.rangeClosed(0, 51).filter(length -> cut(lengths, length) <= most).max().orElse(-1);
        assertThat(Math.min(longest, 51)).isEqualTo(bruteForce);
    }

    private static int cut(int[] lengths, int longest) {
        return Arrays.stream(lengths).map(length -> Math.min(length, longest)).sum();
    }
}

package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;
import dev.d3s.spi.RolloutSelection;
import dev.d3s.spi.TokenSelection;

/**
 * Plugins that fail and learning rates that explode, with real engines: a run goes on without what failed, or ends with a
 * message a person can act on, and the next run in the same process is not hurt.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FailureTest {
    private static final double LIMIT = 0.2;

    @TempDir
    Path directory;

    private final CountDownLatch released = new CountDownLatch(1);
    private ShortRuns runs;
    private RecordingObserver observer;

    @BeforeEach
    void write() throws IOException {
        runs = new ShortRuns(directory);
        observer = new RecordingObserver(directory.resolve("failed"));
    }

    @AfterEach
    void shouldRunNormallyAfterwards() throws Exception {
        released.countDown();
        RecordingObserver normal = new RecordingObserver(directory.resolve("normal"));
        training(new TestPlugins()).run(runs.reinforcement(ShortRuns.settings(2).build()), normal);
        assertThat(normal.series(Metric.POLICY_VERSION)).containsExactly(1.0, 2.0);
        assertThat(normal.series(Metric.UNGRADED_RATIO)).containsOnly(0.0);
    }

    private static Training training(TestPlugins plugins) {
        return new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE), plugins.registry());
    }

    /** What a grader can do instead of grading. */
    enum Fault {
        THROWS("the webhook answered 502"), FAILS("AssertionError"), NOT_A_NUMBER("NaN"), INFINITE("Infinity"), HANGS(
                "limit of 0.2 s"), IGNORES_INTERRUPTION("limit of 0.2 s");

        private final String words;

        Fault(String words) {
            this.words = words;
        }
    }

    private double commit(Fault fault) throws Exception {
        switch (fault) {
            case THROWS -> throw new IOException("the webhook answered 502");
            case FAILS -> throw new AssertionError("a grader's own check");
            case NOT_A_NUMBER -> {
                return Double.NaN;
            }
            case INFINITE -> {
                return Double.POSITIVE_INFINITY;
            }
            case HANGS -> released.await();
            case IGNORES_INTERRUPTION -> awaitUninterrupted();
        }
        return 1;
    }

    private void awaitUninterrupted() {
        while (released.getCount() > 0) {
            try {
                released.await();
            } catch (InterruptedException ignored) {
                // that is the fault
            }
        }
    }

    /** Some completions, always the same. */
    private static boolean unlucky(RewardInput input) {
        return Math.floorMod(input.completion().hashCode(), 4) == 0;
    }

    private void run(TestPlugins plugins, ShortRuns.Settings settings) throws Exception {
        training(plugins).run(runs.reinforcement(settings.build()), observer);
    }

    @ParameterizedTest
    @EnumSource(Fault.class)
    void shouldGoOnWithoutTheRolloutsThatCouldNotBeGraded(Fault fault) throws Exception {
        RewardFunction grader = input -> unlucky(input) ? commit(fault) : TestPlugins.DIGITS.score(input);
        run(new TestPlugins().grader("shaky", grader), ShortRuns.settings(2).grader("shaky", LIMIT));
        assertThat(observer.series(Metric.UNGRADED_RATIO)).hasSize(2)
            .allSatisfy(ratio -> assertThat(ratio).isBetween(1.0 / ShortRuns.ROLLOUTS, 0.75));
        assertThat(observer.series(Metric.POLICY_VERSION)).containsExactly(1.0, 2.0);
        assertThat(observer.series(Metric.REWARD_MEAN)).allSatisfy(mean -> assertThat(mean).isBetween(0.0, 1.0));
    }

    @ParameterizedTest
    @EnumSource(Fault.class)
    void shouldFailWhenNotOneRolloutOfAStepCanBeGraded(Fault fault) {
        // what is reported before the first step is the evaluation: that one still works
        RewardFunction grader = input -> observer.reports.isEmpty() ? TestPlugins.DIGITS.score(input) : commit(fault);
        assertThatThrownBy(() -> run(new TestPlugins().grader("broken", grader),
                ShortRuns.settings(2).grader("broken", LIMIT)))
            .isInstanceOfSatisfying(D3sException.class, e -> {
                assertThat(e.code()).isEqualTo("grading_failed");
                assertThat(e.category()).isEqualTo(ErrorCategory.PLUGIN);
                assertThat(e.text()).contains("'broken'", "none of the " + ShortRuns.ROLLOUTS, fault.words);
            });
        assertThat(observer.reports).extracting(StepReport::step).containsExactly(-1);
    }

    @Test
    void shouldNameARolloutSelectorThatThrows() {
        assertFault("plugin_failed", "Rollout selector 'mine' failed: java.lang.IllegalStateException: no idea",
                new TestPlugins().rolloutSelector("mine", (batch, keepRatio, seed) -> {
                    throw new IllegalStateException("no idea");
                }), ShortRuns.settings(2).rollouts(PluginChoice.of("mine")));
    }

    @Test
    void shouldNameARolloutSelectorThatKeepsARolloutTwice() {
        assertFault("plugin_broke_contract", "Rollout selector 'mine' broke its contract: it kept rollout 3 twice.",
                new TestPlugins().rolloutSelector("mine",
                        (batch, keepRatio, seed) -> RolloutSelection.of(3, 4, 3)),
                ShortRuns.settings(2).rollouts(PluginChoice.of("mine")));
    }

    @Test
    void shouldNameATokenSelectorThatThrows() {
        assertFault("plugin_failed", "Token selector 'mine' failed: java.lang.ArithmeticException",
                new TestPlugins().tokenSelector("mine", (batch, keepRatio, seed) -> {
                    throw new ArithmeticException();
                }), ShortRuns.settings(2).tokens(PluginChoice.of("mine")));
    }

    @Test
    void shouldNameATokenSelectorThatKeepsNothing() {
        assertFault("plugin_broke_contract", "Token selector 'mine' broke its contract:",
                new TestPlugins().tokenSelector("mine", (batch, keepRatio, seed) -> {
                    boolean[][] none = new boolean[batch.size()][];
                    for (int rollout = 0; rollout < none.length; rollout++) {
                        none[rollout] = new boolean[batch.entropy()[rollout].length];
                    }
                    return TokenSelection.of(none);
                }), ShortRuns.settings(2).tokens(PluginChoice.of("mine")));
    }

    @Test
    void shouldNameASelectorThatNeverReturns() {
        TestPlugins plugins = new TestPlugins().tokenSelector("mine", (batch, keepRatio, seed) -> {
            awaitUninterrupted();
            throw new IllegalStateException("too late to matter");
        });
        Training limited = new EngineTraining(new FixedRefresh(RefreshMode.IN_PLACE),
                plugins.registry(Duration.ofMillis(200)));
        assertThatThrownBy(() -> limited.run(
                runs.reinforcement(ShortRuns.settings(2).tokens(PluginChoice.of("mine")).build()), observer))
            .isInstanceOfSatisfying(D3sException.class, e -> {
                assertThat(e.code()).isEqualTo("plugin_timed_out");
                assertThat(e.text()).contains("Token selector 'mine' took longer than its limit of 0.2 s");
            });
    }

    private void assertFault(String code, String words, TestPlugins plugins, ShortRuns.Settings settings) {
        assertThatThrownBy(() -> run(plugins, settings)).isInstanceOfSatisfying(D3sException.class, e -> {
            assertThat(e.category()).isEqualTo(ErrorCategory.PLUGIN);
            assertThat(e.code()).isEqualTo(code);
            assertThat(e.text()).contains(words);
        });
    }

    /** An AdamW step is as long as its learning rate whatever the gradient: the first one ruins the weights. */
    private static OptimizerSettings absurd() {
        return new OptimizerSettings(1e30, OptimizerSettings.Decay.CONSTANT, 0, 0, 0, Double.POSITIVE_INFINITY, 0.9,
                0.999, 1e-8);
    }

    @Test
    void shouldSayWhatToDoWhenAReinforcementRunDiverges() {
        assertThatThrownBy(() -> run(new TestPlugins(), ShortRuns.settings(4).optimizer(absurd())))
            .isInstanceOfSatisfying(D3sException.class, FailureTest::assertDiverged);
    }

    @Test
    void shouldSayWhatToDoWhenASupervisedRunDiverges() {
        TrainingRequest request = runs.supervised(4, null);
        SupervisedSettings settings = new SupervisedSettings(4, 8, Runs.MAX_TOKENS, PolicySettings.DEFAULT, absurd(),
                new EvaluationSettings(0, 16), CheckpointSettings.every(0), null);
        assertThatThrownBy(() -> training(new TestPlugins()).run(new TrainingRequest(request.seed(), request.model(),
                request.trainingFile(), request.validationFile(), null, settings), observer))
            .isInstanceOfSatisfying(D3sException.class, FailureTest::assertDiverged);
    }

    private static void assertDiverged(D3sException e) {
        assertThat(e.code()).isIn("loss_not_finite", "rollout_not_finite", "entropy_not_finite");
        assertThat(e.category()).isEqualTo(ErrorCategory.USER);
        assertThat(e.text()).containsIgnoringCase("lower the learning rate");
    }
}

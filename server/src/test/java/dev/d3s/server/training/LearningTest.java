package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;

/**
 * The claim of the project, small: a policy with a mediocre first skill becomes good on what D3S keeps. With
 * {@code -Dd3s.learning.all=true} also with adapters and in bf16, one by one.
 */
class LearningTest {
    private static final int SUPERVISED_STEPS = 350;
    private static final int STEPS = 20;
    private static final String EACH = "d3s.learning.all";

    @TempDir
    static Path directory;
    private static ArithmeticTask.TaskFiles files;
    private static RecordingObserver supervised;

    @BeforeAll
    static void learnAFirstSkill() throws Exception {
        Path base = directory.resolve("base");
        ExampleModels.arithmetic(base, 7);
        files = ArithmeticTask.write(directory.resolve("data"), 7, 11_200, 2_000, 256);
        supervised = new RecordingObserver(directory.resolve("supervised"));
        Runs.training().run(Runs.supervised(base, files, SUPERVISED_STEPS), supervised);
    }

    private record Learned(List<Double> accuracy, TrainingTotals totals) {}

    private static Learned reinforced(PolicySettings policy, double learningRate) throws Exception {
        RecordingObserver observer = new RecordingObserver(directory.resolve(String.valueOf(policy.hashCode())));
        TrainingTotals totals = Runs.training()
            .run(Runs.reinforcement(supervised.checkpoint(SUPERVISED_STEPS), files,
                    Runs.reinforcement("d3s", STEPS, Runs.mathGrader(), policy, learningRate)), observer);
        return new Learned(observer.series(Metric.ACCURACY), totals);
    }

    @Test
    void shouldRaiseHeldOutAccuracyOnWhatD3sKeeps() throws Exception {
        Learned learned = reinforced(PolicySettings.DEFAULT, 2e-4);

        assertThat(supervised.series(Metric.ACCURACY).getFirst()).as("random weights").isLessThan(0.02);
        assertThat(learned.accuracy().getFirst()).as("after supervised").isBetween(0.05, 0.4);
        assertThat(learned.accuracy().getLast()).as("after D3S").isGreaterThan(learned.accuracy().getFirst() + 0.5);
        assertThat(learned.totals().trainedTokens()).isLessThan(learned.totals().generatedTokens() * 2 / 5);
    }

    /** Both at once, so that each has learned in a usual run of the checks. */
    @Test
    void shouldRaiseItWithAdaptersInBf16() throws Exception {
        Learned learned = reinforced(new PolicySettings(Precision.BF16, LoraSettings.of(8, 16)), 2e-3);

        assertThat(learned.accuracy().getLast()).isGreaterThan(learned.accuracy().getFirst() + 0.3);
    }

    @Test
    @EnabledIfSystemProperty(named = EACH, matches = "true")
    void shouldRaiseItWithAdaptersAlone() throws Exception {
        Learned learned = reinforced(new PolicySettings(Precision.FP32, LoraSettings.of(8, 16)), 2e-3);

        assertThat(learned.accuracy().getLast()).isGreaterThan(learned.accuracy().getFirst() + 0.3);
    }

    @Test
    @EnabledIfSystemProperty(named = EACH, matches = "true")
    void shouldRaiseItInBf16() throws Exception {
        Learned learned = reinforced(new PolicySettings(Precision.BF16, null), 2e-4);

        assertThat(learned.accuracy().getLast()).isGreaterThan(learned.accuracy().getFirst() + 0.5);
    }
}
